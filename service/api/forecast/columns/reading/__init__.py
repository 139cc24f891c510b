"""Reads a columnar request: an Arrow stream or a Parquet file becomes series."""
