"""Forecasts of the past of a series, by networks and references, and what they say about the next one."""
