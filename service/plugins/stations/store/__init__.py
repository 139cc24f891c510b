"""The stored stations, observations and forecasts, in SQLite or PostgreSQL."""
