"""The main job, shown from start to end."""
