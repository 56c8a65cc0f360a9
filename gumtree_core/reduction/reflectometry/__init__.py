"""Time-of-flight reflectometry: from the detector's image to R(Q)."""
