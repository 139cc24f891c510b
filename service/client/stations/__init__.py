"""Calls about stations: settings, readings, forecasts, verification and alerts."""
