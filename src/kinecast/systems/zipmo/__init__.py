"""ZipMo: a latent of long motion, a planner that samples it, and a policy on top."""
