"""The vocabulary of HTTP: problem documents, bodies, media types, and headers."""
