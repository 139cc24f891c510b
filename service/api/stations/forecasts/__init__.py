"""Issued forecasts and their archive."""
