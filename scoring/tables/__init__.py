"""Tables in CSV or Parquet: reading in batches, staging by station, and the output file."""
