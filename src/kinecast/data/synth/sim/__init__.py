"""Rendered worlds: MuJoCo physics and pictures, with exact tracks (extra `sim`)."""
