"""Checks of incoming data: which values the forecast made before them calls implausible."""
