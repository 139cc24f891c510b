"""Intervals and probabilities from the errors that a network made on its calibration part."""
