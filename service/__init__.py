"""The HTTP service: forecasts and comparisons from published checkpoints."""
