"""NeXus files: written point by point or frame by frame, followed, recovered; raw and reduced ones."""
