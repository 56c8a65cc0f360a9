"""Follows a file; prints of each frame its number and the sum of its counts."""

import sys

from gumtree_core.files.nexus.stream_reader import follow

sys.stdout.write("ready\n")
sys.stdout.flush()
for frame in follow(sys.argv[1]):
    sys.stdout.write(f"{frame.number} {frame.values['detector/counts'].sum()}\n")
    sys.stdout.flush()
