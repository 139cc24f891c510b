"""Batch scoring of tables and grids, from cold start to finished file."""
