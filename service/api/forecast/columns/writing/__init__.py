"""Writes forecasts as columns, into an Arrow stream or a Parquet file."""
