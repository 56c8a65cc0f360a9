"""Dictionaries: what a key means, and where each facility's files have it."""
