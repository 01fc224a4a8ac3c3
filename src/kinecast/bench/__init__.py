"""Measurements over many clips: the tables of the README."""
