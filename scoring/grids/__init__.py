"""Grids in NetCDF or Zarr: staging, windows of cells, and the output file."""
