"""What the service remembers of stations, in SQLite or PostgreSQL."""
