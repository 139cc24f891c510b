"""Batch scoring: tables and grids of SST in, forecasts out; can be killed at any moment, and goes on."""
