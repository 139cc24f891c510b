"""Forecasts that readings issue: made, recalibrated and stored."""
