"""Stations: from the readings that arrive to what the store keeps."""
