"""Storage of finished fits beside the releases, so that an interrupted run can be resumed."""

import hashlib
import io
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

import forecasting
from forecasting.networks.device import CPU
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.fitting import Fit
from training.provenance import library_versions

Job = tuple[str, int]
"""Cell and seed of a fit."""

_PREFIX: Final = ".unfinished-"
_JOB_SETTINGS: Final = {"cells", "seed", "seeds"}
"""Settings that determine which fits a run has, but do not change any of them."""


@dataclass(frozen=True)
class KeptFits:
    """The finished fits of a run, one file each.

    The name of the folder is a digest of everything that a fit depends on: data, settings, kind of device, the source
    code and the libraries. A run therefore only reuses fits that it would have computed itself.

    Attributes:
        folder: that holds the files; created with the first of them.
    """

    folder: Path

    @classmethod
    def of(cls, dataset: Dataset, config: TrainingConfig, releases: Path, device: torch.device = CPU) -> "KeptFits":
        """The store of the run that fits ``config`` to ``dataset`` on ``device``, in the folder of its ``releases``."""
        digest = hashlib.sha256()
        settings = {name: value for name, value in config.flat().items() if name not in _JOB_SETTINGS}
        digest.update(json.dumps([settings, library_versions(), device.type], sort_keys=True).encode())
        for name, station in dataset.stations.items():
            digest.update(f"{name} {station.series.start} {station.series.step} {station.bounds}".encode())
            digest.update(station.series.values.tobytes())
        for package in (Path(__file__).parents[1], Path(forecasting.__file__).parent):
            for source in sorted(package.rglob("*.py")):
                digest.update(source.read_bytes())
        return cls(releases / f"{_PREFIX}{digest.hexdigest()[:16]}")

    def load(self, job: Job) -> Fit | None:
        """Load a fit; None if it has not finished or its file is damaged."""
        try:
            # A pickle written by this program, in a folder that only its user can write to.
            fit = torch.load(self._path(job), weights_only=False)
        except Exception:  # a truncated pickle may raise anything; the fit is computed again
            return None
        return fit if isinstance(fit, Fit) and (fit.cell, fit.seed) == job else None

    def save(self, job: Job, fit: Fit) -> None:
        """Save a fit; its file appears only once it is complete."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = io.BytesIO()  # on a full disk, the error of torch is hard to understand
        torch.save(fit, content)
        handle, name = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(handle, "wb") as file:
            file.write(content.getbuffer())
        Path(name).replace(self._path(job))

    def remove(self) -> None:
        """Remove all fits."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, job: Job) -> Path:
        cell, seed = job
        return self.folder / f"{cell}-{seed}.fit"
