"""Errors to first order: where they come from, and what sums make of them."""
