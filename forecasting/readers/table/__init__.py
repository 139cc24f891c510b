"""Tables of text to observations: CSV, ERDDAP, NDBC, a row per year."""
