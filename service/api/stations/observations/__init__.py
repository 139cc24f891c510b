"""Readings in, observations out."""
