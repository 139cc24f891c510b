"""Reads the series of a request."""
