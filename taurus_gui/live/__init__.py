"""Live values: one subscription per attribute, the latest value only; writes off the GUI thread."""
