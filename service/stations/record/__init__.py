"""Issued forecasts beside later observations, and how good they were."""
