"""Rectified flow over any callable velocity(z_t, t)."""
