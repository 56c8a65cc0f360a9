"""What counts are corrected for: what the detector misses, what absorbs, what they are divided by."""
