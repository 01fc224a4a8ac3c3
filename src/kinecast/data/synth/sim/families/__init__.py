"""Families of rendered worlds beside MOVi; `registry.py` names them."""
