"""How good networks and references were on the past of a series: forecasts from each of its steps."""
