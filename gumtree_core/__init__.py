"""GumTree in plain Python: data, files, reduction, acquisition, scripts, repository, simulation."""
