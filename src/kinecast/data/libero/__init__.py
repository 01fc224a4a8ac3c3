"""LIBERO: its tasks as an environment, an oracle that solves them, and demonstrations of it."""
