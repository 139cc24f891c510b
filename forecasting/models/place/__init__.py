"""A checkpoint at work: metadata, loading, windows, forecasts (``forecaster``) and their intervals."""
