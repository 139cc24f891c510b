"""``POST /forecast`` with columns: Arrow streams in, Arrow streams or Parquet files out, without JSON."""
