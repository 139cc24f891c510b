"""The checkpoint: a self-contained TorchScript file with its metadata inside. The only file that knows ``torch.jit``.

    forward(sst: float32[batch, window] °C, valid_time: float64[batch] Unix seconds of the step to forecast)
        -> float32[batch] °C

The module carries the integer attributes ``window`` and ``step_seconds``.
"""

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from pydantic import BaseModel, Field, ValidationError

from forecasting.accuracy import Accuracy
from forecasting.errors import ReleaseError
from forecasting.intervals import ErrorDistribution
from forecasting.timestep import TimeStep
from forecasting.training_range import TrainingRange

CELLS: Final = ("rnn", "lstm", "gru")
SCHEMA_VERSION: Final = 1

_EXTRA: Final = "metadata.json"
_load_lock = threading.Lock()


class Period(BaseModel, frozen=True):
    """A part of the series: ISO 8601 times of its first and last step, and how many steps it has."""

    start: str
    end: str
    n: int


class CheckpointMetadata(BaseModel, frozen=True):
    """What travels inside a checkpoint and beside it.

    Attributes:
        dataset: name of the release's dataset.
        version: of the release.
        cell: ``rnn``, ``lstm`` or ``gru``.
        window: values that a forecast starts from.
        step: as :class:`~forecasting.timestep.TimeStep` writes it.
        step_seconds: its length.
        horizon: leads that intervals are calibrated for, and the most that may be asked for.
        fill_limit: longest gap, in steps, that is interpolated inside a window.
        units: of forecasts; always ``celsius``.
        periods: the parts ``train``, ``validation`` and ``test``.
        training_range: of what the final weights were fitted on.
        accuracy: of this network, by split. ``train`` and ``test`` are of the final weights, ``validation`` of the
            weights before they were refitted with it.
        baselines: accuracy of each reference, by name and split.
        errors: calibrated on validation residuals out of sample.
        configuration: every setting of the training.
        seed: of the initial weights and the order of batches.
        parameters: number of trained weights.
        train_seconds: wall time of fitting this network.
        latency_ms: median time of one forecast alone, on the machine that trained.
        libraries: versions that made the file.
        data_sha256: of the data file.
        created: ISO 8601 time of the release.
    """

    schema_version: int = Field(default=SCHEMA_VERSION)
    dataset: str
    version: str
    cell: str
    window: int = Field(ge=2)
    step: str
    step_seconds: int
    horizon: int = Field(ge=1)
    fill_limit: int = Field(ge=0)
    units: str
    periods: dict[str, Period]
    training_range: TrainingRange
    accuracy: dict[str, Accuracy]
    baselines: dict[str, dict[str, Accuracy]]
    errors: ErrorDistribution
    configuration: dict[str, int | float | str | bool]
    seed: int
    parameters: int
    train_seconds: float
    latency_ms: float
    libraries: dict[str, str]
    data_sha256: str
    created: str

    @property
    def model(self) -> str:
        """Full name: ``nino12-gru``."""
        return f"{self.dataset}-{self.cell}"

    @property
    def time_step(self) -> TimeStep:
        """The step, ready to reckon with."""
        return TimeStep.parse(self.step)


def script(module: torch.nn.Module) -> torch.jit.ScriptModule:
    """Compile an eager module, in evaluation mode, to TorchScript."""
    with _quiet():
        scripted: torch.jit.ScriptModule = torch.jit.script(module.eval())
    return scripted


def save(module: torch.jit.ScriptModule, metadata: CheckpointMetadata, path: Path) -> None:
    """Write ``module`` with ``metadata`` inside to ``path``."""
    with _quiet():
        torch.jit.save(module, str(path), _extra_files={_EXTRA: metadata.model_dump_json().encode()})


def digest(content: bytes) -> str:
    """sha256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def load(content: bytes, device: torch.device) -> tuple[torch.jit.ScriptModule, CheckpointMetadata]:
    """Load a checkpoint from bytes whose digest the caller has checked: TorchScript can run code while it loads.

    Raises:
        ReleaseError: if the bytes are no checkpoint of this schema, or the module does not keep the contract.
    """
    extra = {_EXTRA: b""}
    try:
        with _load_lock, _quiet():
            module = torch.jit.load(io.BytesIO(content), map_location=device, _extra_files=extra)
    except (RuntimeError, ValueError) as error:
        raise ReleaseError(f"is no TorchScript file: {str(error).splitlines()[0]}") from None
    metadata = parse_metadata(extra[_EXTRA])
    _check_contract(module, metadata, device)
    return module.eval(), metadata


def parse_metadata(content: bytes) -> CheckpointMetadata:
    """Read metadata as stored in a checkpoint or its sidecar.

    Raises:
        ReleaseError: if it is not of this schema.
    """
    try:
        metadata = CheckpointMetadata.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "metadata"
        raise ReleaseError(f"its metadata cannot be used: {where}: {first['msg']}") from None
    if metadata.schema_version != SCHEMA_VERSION:
        raise ReleaseError(f"has schema {metadata.schema_version}; this program reads {SCHEMA_VERSION}: train it again")
    return metadata


def _check_contract(module: torch.jit.ScriptModule, metadata: CheckpointMetadata, device: torch.device) -> None:
    for name, stated in (("window", metadata.window), ("step_seconds", metadata.step_seconds)):
        found = getattr(module, name, None)
        if found != stated:
            raise ReleaseError(f"its module has {name} {found}, its metadata {stated}")
    level = (metadata.training_range.minimum + metadata.training_range.maximum) / 2
    sst = torch.full((2, metadata.window), level, dtype=torch.float32, device=device)
    valid_time = torch.zeros(2, dtype=torch.float64, device=device)
    try:
        with torch.inference_mode():
            answer = module(sst, valid_time)
    except RuntimeError as error:
        raise ReleaseError(f"its module fails on a window: {str(error).splitlines()[-1]}") from None
    if answer.shape != (2,) or answer.dtype != torch.float32 or not bool(torch.isfinite(answer).all()):
        raise ReleaseError("its module does not answer a batch of windows with as many finite float32 values")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from telling each user that TorchScript is deprecated; why it stays is in docs/decisions."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is deprecated", category=DeprecationWarning)
        yield
