"""Live values: one subscription per attribute, the latest value only, writes and commands off the GUI thread."""
