"""The models of a run, as files and in memory, and forecasts by them."""
