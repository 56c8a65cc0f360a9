"""Where pixels are, and what they see: angles, momentum transfer, wavelengths; masks."""
