"""The files that a user names as input."""
