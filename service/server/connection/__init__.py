"""A connection of HTTP/1.1: what it reads, refuses and writes, and when it ends."""
