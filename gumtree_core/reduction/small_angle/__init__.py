"""Small-angle scattering: the runs of a measurement, absolute scale, merging; ultra-small angles."""
