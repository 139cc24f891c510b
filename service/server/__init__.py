"""Sockets, workers, and everything that touches private names of uvicorn."""
