"""From a series to training examples: division into parts, panels of stations, scaling, trend, windows."""
