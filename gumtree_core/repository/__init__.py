"""The git repository that holds and shares scripts."""
