"""A simulated instrument that obeys physics."""
