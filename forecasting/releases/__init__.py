"""Releases, from disk to memory."""
