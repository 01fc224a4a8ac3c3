"""Frozen networks of others that turn images, texts and videos into features.

`load` makes one from files that are on this machine; nothing here downloads.
"""
