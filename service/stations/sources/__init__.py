"""Readings that the service fetches itself, from the sources that stations name."""
