"""The events of stations, and their alerts."""
