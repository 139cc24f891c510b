"""Whether a file is a TorchScript module that follows the checkpoint contract.

The kind of file is told from its bytes. The module is loaded and tried on windows of the data in a process of its own,
which may hang or crash without harm. That is no sandbox: it protects from accidents, not from a module that was made to
do harm.
"""

import contextlib
import io
import json
import multiprocessing
import os
import signal
import time
import zipfile
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from forecasting.errors import ReleaseError
from forecasting.models.checkpoint import CPU, load_module
from forecasting.models.metadata import digest
from forecasting.models.place.network import NetworkRoller
from forecasting.process_limits import limit_memory
from forecasting.series.origins import Origins, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import unix_seconds
from forecasting.series.timestep import in_words
from forecasting.wording import counted

MAX_BYTES: Final = 2**30
"""Size of a file, and of what it unpacks to: each process of the service holds the network in memory."""

_SCRIPT_IT: Final = "build the module, load its weights, and save it with torch.jit.script(module).save('model.pt')"
_PICKLED: Final = f"which is never opened because a pickle can run any program: {_SCRIPT_IT}"


@dataclass(frozen=True)
class ModelFile:
    """A TorchScript file that was read once, so that what is checked is what is published."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Digest of the content, in hexadecimal."""
        return digest(self.content)

    @classmethod
    def read(cls, path: Path) -> "ModelFile":
        """Read a file and check that it is TorchScript, without loading it."""
        try:
            size = path.stat().st_size
            if path.is_dir():
                raise ReleaseError(f"{path} is a folder: name a TorchScript file")
            if size > MAX_BYTES:
                raise ReleaseError(f"{path} has {_mebibytes(size)}, but the limit is {_mebibytes(MAX_BYTES)}")
            content = path.read_bytes()
        except OSError as error:
            raise ReleaseError(f"cannot read {path}: {error.strerror}") from None
        if (problem := _problem(content, path.suffix.lower())) is not None:
            raise ReleaseError(f"{path} {problem}")
        return cls(path.name, content)


def _problem(content: bytes, suffix: str) -> str | None:
    """Return why the content is no TorchScript file, as the predicate of a sentence; None if it is one."""
    if not content:
        return "is empty: save the module again"
    if not content.startswith(b"PK"):
        return _problem_of_other(content, suffix)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "is damaged: its list of contents cannot be read; copy or save it again"
    if sum(member.file_size for member in members) > MAX_BYTES:
        return f"unpacks to more than {_mebibytes(MAX_BYTES)}, which is the limit"
    return _problem_of_archive([member.filename for member in members])


def _problem_of_archive(names: list[str]) -> str | None:
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return None
    if "archive_format" in inner or any(name.startswith("models/") for name in inner):
        return f"is a torch.export program, not TorchScript: {_SCRIPT_IT}"
    if "data.pkl" in inner:
        return f"was written by torch.save: it holds weights or a pickled module, {_PICKLED}"
    return f"is an archive, but not TorchScript: {_SCRIPT_IT}"


def _problem_of_other(content: bytes, suffix: str) -> str:
    if suffix == ".onnx":
        return f"is an ONNX model, not TorchScript: {_SCRIPT_IT}"
    if content[:1] == b"\x80" and content[1:2] in b"\x02\x03\x04\x05":
        return f"is a pickle, {_PICKLED}"
    if suffix == ".safetensors" or content[8:9] == b"{":
        return f"holds only weights: {_SCRIPT_IT}"
    return f"is not a TorchScript file: {_SCRIPT_IT}"


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


MAX_WINDOW: Final = 1_000
"""Values; the most that training takes."""

MAX_SECONDS: Final = 10.0
"""Time of a forecast of one series at all leads; the service ends a request that takes longer than a few of these."""

_TRIED: Final = 64
_ALONE: Final = 4
"""Windows that are forecast together, and how many of them also alone."""

_SAME_CELSIUS: Final = 1e-3
"""Difference between two forecasts of one window that rounding may cause."""

_FARTHEST_CELSIUS: Final = 20.0
"""Mean distance of forecasts from the last value of the window; no sea warms as much in a step."""

_TO_CPU: Final = "call module.cpu() and remove device names before torch.jit.script"


@dataclass(frozen=True)
class Facts:
    """The result of trying a module."""

    window: int
    parameters: int


def check_contract(module: torch.jit.ScriptModule, series: SstSeries, horizon: int) -> Facts:
    """Try a module on windows of ``series``, at all leads up to ``horizon``."""
    window, step_seconds = (_attribute(module, name) for name in ("window", "step_seconds"))
    if not 2 <= window <= MAX_WINDOW:
        raise ReleaseError(f"its window is {window} values: it must be from 2 to {MAX_WINDOW}")
    if step_seconds != series.step.seconds:
        raise ReleaseError(
            f"its step_seconds is {step_seconds}, but the step of the data is {in_words(str(series.step))}, which is "
            f"{series.step.seconds}: set step_seconds to that if it forecasts this step, or use data at its own step"
        )
    if len(series) <= window:
        raise ReleaseError(f"its window is {window} values, but the data has only {len(series)}: use a longer series")
    shape = ForecastShape(window, horizon, window // 8)
    usable = origins(series, shape, window, len(series))
    if not len(usable):
        raise ReleaseError(f"the data has no window of {window} values without long gaps: use a more complete series")
    tried = usable.take(np.unique(np.linspace(0, len(usable) - 1, _TRIED).astype(np.intp)))
    _check_forward(module, tried)
    _check_roll(module, tried, horizon)
    return Facts(window, sum(weights.numel() for weights in module.parameters()))


def _attribute(module: torch.jit.ScriptModule, name: str) -> int:
    value = getattr(module, name, None)
    if isinstance(value, bool) or not isinstance(value, int):
        state = f"has no attribute {name}" if value is None else f"has a {type(value).__name__} as its {name}"
        raise ReleaseError(
            f"it {state}: set self.{name} to an integer in __init__ and save the module with torch.jit.script, "
            f"which keeps it; torch.jit.trace does not, and torch.jit.freeze needs preserved_attrs=['{name}', …]"
        )
    return value


def _check_forward(module: torch.jit.ScriptModule, tried: Origins) -> None:
    """Refuse a module whose ``forward`` does not return a plausible and repeatable forecast for each window."""
    sst, valid_time = _tensors(tried)
    alone = [_forward(module, sst[i : i + 1], valid_time[i : i + 1]) for i in range(min(_ALONE, len(sst)))]
    before = sst.clone()
    together = _forward(module, sst, valid_time)
    if not torch.equal(sst, before):
        raise ReleaseError("it changes its input: let forward work on a copy, as in sst = sst.clone()")
    if (difference := _difference(together, _forward(module, sst, valid_time))) > _SAME_CELSIUS:
        raise ReleaseError(
            f"two forecasts from the same windows differ by {difference:.2g} °C: remove randomness and state that is "
            "kept between calls, and call eval() before torch.jit.script"
        )
    if (difference := _difference(together[: len(alone)], torch.cat(alone))) > _SAME_CELSIUS:
        raise ReleaseError(
            f"the forecast of a window changes by {difference:.2g} °C with the other windows in the batch: make each "
            "row depend on its own window only"
        )
    distance = float((together - sst[:, -1]).abs().mean())
    if distance > _FARTHEST_CELSIUS:
        raise ReleaseError(
            f"its forecasts are {distance:.1f} °C from the last value of the window on average: make forward take and "
            "return °C, with any scaling inside the module"
        )


def _difference(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max())


def _forward(module: torch.jit.ScriptModule, sst: Tensor, valid_time: Tensor) -> Tensor:
    """Return the forecasts of one call, checked for type, shape and values."""
    n = len(sst)
    try:
        with torch.inference_mode():
            forecasts = module(sst, valid_time)
    except Exception as error:  # an operator of any library may raise anything
        raise ReleaseError(_failure(n, error)) from None
    if not isinstance(forecasts, Tensor):
        raise ReleaseError(f"forward returns a {type(forecasts).__name__}: return one tensor, float32[batch] in °C")
    if forecasts.device.type != "cpu":
        raise ReleaseError(f"it needs a GPU (forward returns a tensor on {forecasts.device}): {_TO_CPU}")
    if forecasts.shape != (n,):
        remedy = ", with squeeze(1)" if forecasts.shape == (n, 1) else ""
        raise ReleaseError(
            f"forward returns the shape {list(forecasts.shape)} for {counted(n, 'window')}: return [{n}], a forecast "
            f"for each{remedy}"
        )
    if forecasts.dtype != torch.float32:
        raise ReleaseError(f"forward returns {str(forecasts.dtype).removeprefix('torch.')}: return answer.float()")
    if not bool(torch.isfinite(forecasts).all()):
        bad = int((~torch.isfinite(forecasts)).sum())
        raise ReleaseError(f"forward returns NaN or infinity for {bad} of {counted(n, 'window')} without gaps")
    return forecasts


def _failure(n: int, error: Exception) -> str:
    """Return what went wrong in a call with ``n`` windows, with the remedy where it is known."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = (lines[-1] if lines else type(error).__name__).removeprefix("RuntimeError: ").partition(". ")[0][:300]
    if any(word in str(error) for word in ("CUDA", "cuda", "NVIDIA")):
        return f"it needs a GPU ({reason}): {_TO_CPU}"
    if any(word in reason for word in ("dtype", "scalar type", "Double", "double")):
        remedy = "convert inside forward, as in valid_time.float()"
    elif "allocate memory" in str(error):
        return f"forward needs more memory than there is for {counted(n, 'window')}: use a smaller network"
    elif "argument" in reason:
        remedy = "make forward take both arguments, even if it ignores valid_time"
    elif n > 1:
        remedy = "it takes one window, so save it with torch.jit.script: torch.jit.trace may fix the size of the batch"
    else:
        remedy = "call it with such tensors to find out why"
    return f"forward fails on sst float32[{n}, window] and valid_time float64[{n}]: {reason}; {remedy}"


def _check_roll(module: torch.jit.ScriptModule, tried: Origins, horizon: int) -> None:
    """Refuse a module that cannot be rolled to the last lead, or is too slow for it."""
    begin = time.perf_counter()
    try:
        roller = NetworkRoller(module, tried.step, CPU)
        first = roller.roll(tried.windows[:1], tried.valid_time[:1], horizon)
        seconds = time.perf_counter() - begin
        rolled = roller.roll(tried.windows, tried.valid_time, horizon)
        expected = _forward(module, *_tensors(tried))
    except ReleaseError:
        raise
    except Exception as error:  # as in _forward
        names = [name for name in ("leads", "folded") if hasattr(module, name)]
        if not names:
            raise ReleaseError(_failure(len(tried), error)) from None
        raise ReleaseError(
            f"its attribute {names[0]} is not the method of this name in the contract: rename it"
        ) from None
    if first.shape != (1, horizon) or rolled.shape != (len(tried), horizon):
        raise ReleaseError(f"leads returns the shape {list(rolled.shape)}: it must be [{len(tried)}, {horizon}]")
    if not np.isfinite(rolled).all():
        lead = int(np.flatnonzero(~np.isfinite(rolled).all(axis=0))[0]) + 1
        raise ReleaseError(f"its forecasts are NaN or infinite from lead {lead} on: choose a smaller --horizon")
    if float(np.abs(rolled[:, 0] - expected.numpy()).max()) > _SAME_CELSIUS:
        raise ReleaseError("its methods leads and forward disagree about the first lead: make them the same")
    if seconds > MAX_SECONDS:
        raise ReleaseError(
            f"a forecast of one series takes {seconds:.0f} s, but the limit is {MAX_SECONDS:.0f} s: use a smaller "
            "network or a smaller --horizon"
        )


def _tensors(tried: Origins) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(tried.windows.astype(np.float32)), torch.from_numpy(unix_seconds(tried.valid_time))


MEMORY: Final = 4 * 2**30
"""Bytes for the process that tries a module, beyond the size of the file."""

CHECK_SECONDS: Final = 120.0
"""Default time limit of a check; loading torch is part of it."""


def check(file: ModelFile, series: SstSeries, horizon: int, seconds: float = CHECK_SECONDS) -> Facts:
    """Load a module and try it on windows of ``series``, at most ``seconds`` long, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(file.content, series, horizon, sender), daemon=True)
    process.start()
    sender.close()
    try:
        if receiver.poll(seconds):
            outcome = json.loads(receiver.recv_bytes())
        else:
            outcome = (
                f"loading and trying it took more than {seconds:g} s: use a smaller network, or raise --time-limit"
            )
    except EOFError:
        process.join()
        status = process.exitcode or 0
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        outcome = f"it ends the process that tries it ({how}): run it with torch alone to find out why"
    finally:
        process.kill()
        process.join()
        receiver.close()
    if isinstance(outcome, str):
        raise ReleaseError(f"{file.name}: {outcome}")
    return Facts(**outcome)


def try_module(content: bytes, series: SstSeries, horizon: int) -> dict[str, int] | str:
    """Return the fields of :class:`Facts` of the module in a file, or why it cannot be used."""
    try:
        module, _ = load_module(content, CPU)
        return asdict(check_contract(module, series, horizon))
    except ReleaseError as error:
        return str(error)
    except MemoryError:
        return "it needs too much memory"


def _run(content: bytes, series: SstSeries, horizon: int, parent: Connection) -> None:
    """Send the outcome of :func:`try_module` as JSON, from a process that was started for it."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # what a module prints
    os.dup2(silence, 2)
    torch.set_num_threads(1)
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # no writing
    limit_memory(MEMORY + 3 * len(content))
    parent.send_bytes(json.dumps(try_module(content, series, horizon)).encode())
