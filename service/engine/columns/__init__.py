"""Forecasts of series that come as columns: numpy arrays in, numpy arrays out."""
