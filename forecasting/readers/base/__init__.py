"""Shared by all readers: options, tables of text, units, quality flags and places."""
