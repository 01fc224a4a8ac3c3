"""The command line: one file a verb; main is a table verb -> function."""
