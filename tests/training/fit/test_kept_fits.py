import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from forecasting.series.sst_series import SstSeries
from tests.conftest import ROOT
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.fitting import Fit
from training.fit.kept_fits import KeptFits
from training.fit.parallel import fit_all


@pytest.fixture(scope="module")
def quick(nino12: SstSeries) -> TrainingConfig:
    return TrainingConfig.for_step(nino12.step, epochs=1, hidden=2, cells=("rnn", "gru"), horizon=2)


def weights(fit: Fit) -> list[float]:
    return torch.cat([tensor.flatten() for tensor in fit.evaluated.state_dict().values()]).tolist()


def test_a_kept_fit_is_reused(nino12: SstSeries, quick: TrainingConfig, tmp_path: Path) -> None:
    dataset = Dataset.divide(nino12, quick)
    kept = KeptFits.of(dataset, quick, tmp_path)
    first = fit_all(dataset, quick, kept=kept)
    epochs: list[int] = []
    again = fit_all(dataset, quick, progress=epochs.append, kept=kept)
    assert epochs == [6]  # those of two fits, at once
    for job, fit in first.items():
        assert weights(again[job]) == weights(fit)
        assert again[job].seconds == fit.seconds


def test_a_damaged_fit_is_computed_again(nino12: SstSeries, quick: TrainingConfig, tmp_path: Path) -> None:
    dataset = Dataset.divide(nino12, quick)
    kept = KeptFits.of(dataset, quick, tmp_path)
    fits = fit_all(dataset, quick, kept=kept)
    damaged = kept.folder / "gru-0.fit"
    damaged.write_bytes(damaged.read_bytes()[:500])
    assert kept.load(("gru", 0)) is None
    assert weights(fit_all(dataset, quick, kept=kept)["gru", 0]) == weights(fits["gru", 0])
    assert kept.load(("gru", 0)) is not None


def test_other_data_or_settings_reuse_no_fit(nino12: SstSeries, quick: TrainingConfig, tmp_path: Path) -> None:
    def folder(series: SstSeries, config: TrainingConfig) -> Path:
        return KeptFits.of(Dataset.divide(series, config), config, tmp_path).folder

    other = SstSeries(np.where(np.arange(732) == 700, 24.0, nino12.values), nino12.start, nino12.step)
    same = folder(nino12, quick)
    assert folder(other, quick) != same
    assert folder(nino12, quick.model_copy(update={"hidden": 3})) != same
    assert folder(nino12, quick.model_copy(update={"seeds": 5, "cells": ("gru",)})) == same
    on_gpu = KeptFits.of(Dataset.divide(nino12, quick), quick, tmp_path, torch.device("cuda"))
    assert on_gpu.folder != same  # its arithmetic is another


_FOLDER_OF_A_RUN = """
from pathlib import Path
import numpy as np
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.kept_fits import KeptFits

series = SstSeries(np.sin(np.arange(400.0)), np.datetime64("1990-01-01", "s"), TimeStep.parse("month"))
config = TrainingConfig.for_step(series.step)
print(KeptFits.of(Dataset.divide(series, config), config, Path()).folder)
"""


def test_another_version_of_the_core_reuses_no_fit(tmp_path: Path) -> None:
    for package in ("forecasting", "training"):
        shutil.copytree(ROOT / package, tmp_path / package)

    def folder() -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-c", _FOLDER_OF_A_RUN]
        return subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    before = folder()
    with (tmp_path / "forecasting" / "series" / "origins.py").open("a") as file:
        file.write("# Another version.\n")
    assert folder() != before
