"""``POST /forecast`` by columns: Arrow streams and Parquet files in and out, without JSON."""
