"""Operators on whole arrays, put off until their numbers are asked for and done in one pass."""
