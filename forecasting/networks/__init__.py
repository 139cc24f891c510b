"""A checkpoint at work: loading, windows, forecasts and their intervals."""
