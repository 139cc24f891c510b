"""The simple references that a network has to beat, and the seasonal cycle that they are based on."""
