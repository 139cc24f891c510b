"""Verification of the issued forecasts."""
