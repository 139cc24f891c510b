"""Grids: NetCDF and Zarr in, either out."""
