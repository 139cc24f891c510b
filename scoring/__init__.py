"""Batch scoring: tables and grids of SST in, forecasts out. A killed run can be resumed at any point."""
