"""Fitting of networks, and of the regressions that they are combined with."""
