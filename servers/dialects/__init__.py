"""Tango devices, ours and of other control systems, as the Protocols of gumtree_core."""
