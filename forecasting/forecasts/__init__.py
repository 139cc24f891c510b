"""What every model returns: forecasts of many series as columns, and of one series with its distribution."""
