"""Values: what the rest of the package speaks in (NumPy and torch only)."""
