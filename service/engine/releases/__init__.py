"""Finds, loads and follows the published releases."""
