"""From a series to training examples."""
