"""How good forecasts are: the parts of a series, rolling origins, reports, and comparisons on a user's series."""
