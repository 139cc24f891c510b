"""Fitting of networks and of the autoregressions that they are combined with; out-of-sample residuals."""
