"""Scans: definition, engine and recorder."""
