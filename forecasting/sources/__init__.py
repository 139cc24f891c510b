"""Servers that have series of SST."""
