"""Tango device servers: thin adapters over objects of gumtree_core."""
