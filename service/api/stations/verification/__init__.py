"""How good the issued forecasts were."""
