"""Powder diffraction with detectors of position-sensitive tubes around the sample, as of Echidna.

Frames are (point, y, x): y goes along the tubes, x counts them, and an axis `two_theta` (point, x) says where
each tube was at each step.
"""
