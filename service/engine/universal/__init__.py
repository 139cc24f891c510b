"""Forecasts by universal networks: each series at its own step."""
