"""Sums, averages and other statistics over dimensions, into bins and by groups."""
