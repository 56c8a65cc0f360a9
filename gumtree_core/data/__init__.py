"""Data with errors, units, axes and metadata."""
