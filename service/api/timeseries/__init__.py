"""``/v1/timeseries``: the time-series protocol of KServe."""
