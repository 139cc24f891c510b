"""The checkpoint that a run forecasts with: found without importing torch, loaded once per process."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.errors import RequestError, UnknownNameError
from forecasting.evaluation.report import parse_report
from forecasting.networks.checkpoint_file import CheckpointFile
from forecasting.networks.metadata import CELLS, CheckpointMetadata, digest, parse_metadata
from forecasting.releases.release import open_current
from forecasting.wording import available

if TYPE_CHECKING:
    from forecasting.networks.forecaster import Forecaster

_loading = threading.Lock()


@dataclass(frozen=True)
class ModelFile:
    """A checkpoint and the device to run it on, small enough to send to other processes."""

    file: CheckpointFile
    device: str = "cpu"

    def load(self) -> "Forecaster":
        """Return the forecaster; each process loads it once.

        Raises:
            ReleaseError: if the file is missing or has changed.
        """
        with _loading:
            return _load(self)


@lru_cache(maxsize=4)
def _load(model: ModelFile) -> "Forecaster":
    import torch

    from forecasting.networks.checkpoint import load
    from forecasting.networks.device import choose_device
    from forecasting.networks.forecaster import Forecaster

    # For networks this small, one thread is faster than two.
    torch.set_num_threads(1)
    content = model.file.read("this run began", "every worker needs the checkpoint of the run at this path")
    device = choose_device(model.device)
    forecaster = Forecaster(*load(content, device), device)
    forecaster.warm_up()
    return forecaster


def find_model(artifacts: Path, dataset: str | None, model: str, device: str) -> tuple[ModelFile, CheckpointMetadata]:
    """Return the checkpoint that ``model`` names, with its metadata.

    Args:
        artifacts: folder of releases.
        dataset: default: the one in the model's full name, else nino12.
        model: ``best``, a cell such as ``gru``, or a full name such as ``nino12-gru``.
        device: device to run on.

    Raises:
        ForecastError: if there is no such model, or its release cannot be used.
    """
    named, _, cell = model.rpartition("-")
    if named and dataset not in (None, named):
        raise RequestError(f"model {model} belongs to dataset {named}, not {dataset}", field="model")
    release = open_current(artifacts, dataset or named or "nino12")
    if cell == "best":
        cell = parse_report(release.read("report.json")).best.name
    name = f"{cell}.pt"
    if name not in release.manifest.files:
        known = ["best", *(cell for cell in CELLS if f"{cell}.pt" in release.manifest.files)]
        raise UnknownNameError(f"no model {model[:64]!r} in {release.path}; {available(known)}")
    metadata = parse_metadata(release.read(f"{cell}.json"))
    file = CheckpointFile((release.path / name).resolve(), digest(release.read(name)))
    return ModelFile(file, device), metadata
