"""Universal networks: forecasts of series from places that no network was trained at."""
