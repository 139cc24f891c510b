"""How good forecasts are: parts of a series, rolling origins, reports, and comparisons on a user's series."""
