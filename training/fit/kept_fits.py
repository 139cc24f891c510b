"""Fits of a run that was interrupted, kept beside the releases so that it can be resumed."""

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
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.fitting import CPU, Fit
from training.provenance import library_versions

Job = tuple[str, int]
"""Cell and seed."""

_PREFIX: Final = ".unfinished-"
_OF_EVERY_FIT: Final = {"cells", "seed", "seeds"}
"""Settings that say which fits there are, and change none of them."""


@dataclass(frozen=True)
class KeptFits:
    """What is done of a run, a file a fit; made with the first of them.

    The folder's name is a digest of all that a fit depends on: data, settings, kind of device, this program and its
    libraries. So a fit is taken up only by a run that would have made the same.
    """

    folder: Path

    @classmethod
    def of(cls, dataset: Dataset, config: TrainingConfig, releases: Path, device: torch.device = CPU) -> "KeptFits":
        """Of the run that fits ``config`` to ``dataset`` on ``device``, in the folder of its ``releases``."""
        digest = hashlib.sha256()
        settings = {name: value for name, value in config.flat().items() if name not in _OF_EVERY_FIT}
        digest.update(json.dumps([settings, library_versions(), device.type], sort_keys=True).encode())
        for name, station in dataset.stations.items():
            digest.update(f"{name} {station.series.start} {station.series.step} {station.bounds}".encode())
            digest.update(station.series.values.tobytes())
        for package in (Path(__file__).parents[1], Path(forecasting.__file__).parent):
            for source in sorted(package.rglob("*.py")):
                digest.update(source.read_bytes())
        return cls(releases / f"{_PREFIX}{digest.hexdigest()[:16]}")

    def load(self, job: Job) -> Fit | None:
        """A fit that was done; None where it was not, or its file is damaged."""
        try:
            # A pickle of this program's own, in a folder that only its user writes to.
            fit = torch.load(self._path(job), weights_only=False)
        except Exception:  # whatever a pickle cut short raises: the fit is made again
            return None
        return fit if isinstance(fit, Fit) and (fit.cell, fit.seed) == job else None

    def save(self, job: Job, fit: Fit) -> None:
        """Keep a fit, whole or not at all."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = io.BytesIO()  # to a full disk, torch would say what nobody understands
        torch.save(fit, content)
        handle, name = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(handle, "wb") as file:
            file.write(content.getbuffer())
        Path(name).replace(self._path(job))

    def remove(self) -> None:
        """Forget all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, job: Job) -> Path:
        cell, seed = job
        return self.folder / f"{cell}-{seed}.fit"
