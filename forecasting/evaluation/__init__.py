"""How good forecasts are: test parts, rolling origins, comparisons, reports."""
