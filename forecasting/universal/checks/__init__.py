"""Checks of incoming data: which values are implausible given the forecast made before them."""
