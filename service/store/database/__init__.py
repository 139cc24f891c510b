"""The database itself: its URL, tables, migrations and transactions."""
