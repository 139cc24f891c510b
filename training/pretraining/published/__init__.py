"""Adds figures to universal releases that are already published."""
