"""Imports that every worker process needs, loaded once in the process that the workers are forked from."""

import torch

import scoring.grids.job
from forecasting.networks import checkpoint, forecaster

__all__ = ["checkpoint", "forecaster", "scoring"]

torch.set_num_threads(1)
