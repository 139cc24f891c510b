"""Forecasts of the past of a series, by networks and references, and what can be learned from them."""
