"""Widgets: one file a family. They know Interfaces and readings, and no control system."""
