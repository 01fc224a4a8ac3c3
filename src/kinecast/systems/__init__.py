"""The published systems: each holds only what is different about it."""
