"""NetCDF and Zarr to observations."""
