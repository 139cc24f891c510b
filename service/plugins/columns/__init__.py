"""``POST /forecast`` with columns: Arrow streams in, Arrow streams or Parquet files out, without JSON."""

from typing import Final

ARROW_TYPE: Final = "application/vnd.apache.arrow.stream"
PARQUET_TYPE: Final = "application/vnd.apache.parquet"
