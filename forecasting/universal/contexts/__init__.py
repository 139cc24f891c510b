"""What forecasts start from: the values of callers, checked and aligned."""
