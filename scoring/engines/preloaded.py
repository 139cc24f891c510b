"""Imports that every worker process needs, loaded once in the process that the workers are forked from."""

import torch

import scoring.grids.job
from forecasting.networks import checkpoint
from scoring.models import place_forecaster, universal_forecaster

__all__ = ["checkpoint", "place_forecaster", "scoring", "universal_forecaster"]

torch.set_num_threads(1)
