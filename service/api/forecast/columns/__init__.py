"""``POST /forecast`` with columns: Arrow streams and Parquet files in and out, without JSON."""
