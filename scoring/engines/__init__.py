"""Engines that score chunks: this process, several processes, or a Dask cluster."""
