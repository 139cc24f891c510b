"""Forecasts of series as columns: numpy arrays in, numpy arrays out."""
