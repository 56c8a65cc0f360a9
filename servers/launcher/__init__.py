"""Starting, supervising and stopping a whole instrument."""
