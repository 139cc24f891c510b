"""Fitting networks and what stands beside them."""
