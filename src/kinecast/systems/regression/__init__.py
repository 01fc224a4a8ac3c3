"""Regression: one future of every point, no samples; the opponent of the generative systems."""
