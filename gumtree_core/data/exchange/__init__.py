"""Datasets in the forms of other programs: NeXus files, scipp, xarray, pandas (docs/exchange.md)."""
