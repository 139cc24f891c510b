"""Reads a request by columns: an Arrow stream or a Parquet file becomes series."""
