"""The checkpoint that a run forecasts with. Found without loading torch; loaded once in each process that scores."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.errors import ReleaseError, RequestError, UnknownNameError
from forecasting.evaluation.report import parse_report
from forecasting.networks.metadata import CELLS, CheckpointMetadata, digest, parse_metadata
from forecasting.releases.release import open_current
from forecasting.wording import available

if TYPE_CHECKING:
    from forecasting.networks.forecaster import Forecaster

_loading = threading.Lock()


@dataclass(frozen=True)
class ModelFile:
    """A checkpoint by its path and content, which is how it travels: a loaded one cannot be pickled.

    Attributes:
        path: absolute.
        sha256: of the file.
        device: that it runs on.
    """

    path: str
    sha256: str
    device: str = "cpu"

    def load(self) -> "Forecaster":
        """The forecaster, the same one each time a process asks.

        Raises:
            ReleaseError: if the file is missing or is not the one that was meant.
        """
        with _loading:
            return _load(self)


@lru_cache(maxsize=4)
def _load(file: ModelFile) -> "Forecaster":
    import torch

    from forecasting.networks.checkpoint import load
    from forecasting.networks.device import choose_device
    from forecasting.networks.forecaster import Forecaster

    # Two threads in one process are slower than one for networks this small.
    torch.set_num_threads(1)
    try:
        content = Path(file.path).read_bytes()
    except OSError as error:
        raise ReleaseError(f"{file.path} cannot be read here: {error.strerror}; workers need the same path") from None
    if digest(content) != file.sha256:
        raise ReleaseError(f"{file.path} is not the checkpoint that this run began with: its sha256 differs")
    device = choose_device(file.device)
    forecaster = Forecaster(*load(content, device), device)
    forecaster.warm_up()
    return forecaster


def find_model(artifacts: Path, dataset: str | None, model: str, device: str) -> tuple[ModelFile, CheckpointMetadata]:
    """What ``model`` means: ``best``, a cell, or a full name as ``nino12-gru``; of ``dataset``, else of nino12.

    Raises:
        ForecastError: if there is none, or its release cannot be used.
    """
    named, _, cell = model.rpartition("-")
    if named and dataset not in (None, named):
        raise RequestError(f"model {model} is of dataset {named}, not of {dataset}", field="model")
    release = open_current(artifacts, dataset or named or "nino12")
    if cell == "best":
        cell = parse_report(release.read("report.json")).best.name
    name = f"{cell}.pt"
    if name not in release.manifest.files:
        there = ["best", *(one for one in CELLS if f"{one}.pt" in release.manifest.files)]
        raise UnknownNameError(f"no model {model[:64]!r} in {release.path}; {available(there)}")
    metadata = parse_metadata(release.read(f"{cell}.json"))
    return ModelFile(str((release.path / name).resolve()), digest(release.read(name)), device), metadata
