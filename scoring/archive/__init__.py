"""Archives of issued forecasts: the files that runs add, and their verification with later observations."""
