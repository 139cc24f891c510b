"""Readings as they are accepted and stored, and what is usual at their time."""
