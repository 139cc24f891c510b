"""The readings of stations in tables: from files to series."""
