"""Declaration, loading and running of scripts."""
