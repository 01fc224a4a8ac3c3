"""Pure functions (tracks, tracks) -> number, one idea a file."""
