"""Statistics of forecasts: accuracy, probabilistic scores, sampling error, seasons."""
