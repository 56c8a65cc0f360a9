"""Corrections and integration: what reduction scripts are made of."""
