"""Observations to series, and what is reported about a file."""
