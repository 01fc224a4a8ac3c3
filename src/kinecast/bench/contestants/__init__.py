"""What takes part in a benchmark, one kind a file."""
