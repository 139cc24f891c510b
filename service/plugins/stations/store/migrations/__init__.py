"""The migrations of the database, one module for each revision in ``versions``."""
