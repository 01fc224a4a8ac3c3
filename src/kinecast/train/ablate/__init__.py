"""Ablations: the papers' comparisons, run again on data that anyone can make."""
