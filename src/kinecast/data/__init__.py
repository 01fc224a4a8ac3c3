"""Data: trackers, simulated worlds, and clips with known answers."""
