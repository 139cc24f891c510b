"""Tables: CSV and Parquet in, either out."""
