"""Archives of issued forecasts: files that runs add, and their verification with what came."""
