"""Kinecast: forecast the motion of every point in a video."""
