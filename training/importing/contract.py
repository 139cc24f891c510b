"""Whether a loaded module follows the checkpoint contract, tried on windows of the data."""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from forecasting.errors import ReleaseError
from forecasting.networks.device import CPU
from forecasting.networks.roller import NetworkRoller
from forecasting.series.origins import Origins, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import unix_seconds
from forecasting.series.timestep import in_words
from forecasting.wording import counted

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
    """The result of trying a module.

    Attributes:
        window: number of values that it forecasts from.
        parameters: number of its weights.
    """

    window: int
    parameters: int


def check_contract(module: torch.jit.ScriptModule, series: SstSeries, horizon: int) -> Facts:
    """Try a module on windows of ``series``, at all leads up to ``horizon``.

    Raises:
        ReleaseError: if it breaks the contract; says how, and what to do.
    """
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
            answer = module(sst, valid_time)
    except Exception as error:  # an operator of any library may raise anything
        raise ReleaseError(_failure(n, error)) from None
    if not isinstance(answer, Tensor):
        raise ReleaseError(f"forward returns a {type(answer).__name__}: return one tensor, float32[batch] in °C")
    if answer.device.type != "cpu":
        raise ReleaseError(f"it needs a GPU (forward returns a tensor on {answer.device}): {_TO_CPU}")
    if answer.shape != (n,):
        remedy = ", with squeeze(1)" if answer.shape == (n, 1) else ""
        raise ReleaseError(
            f"forward returns the shape {list(answer.shape)} for {counted(n, 'window')}: return [{n}], a forecast for "
            f"each{remedy}"
        )
    if answer.dtype != torch.float32:
        raise ReleaseError(f"forward returns {str(answer.dtype).removeprefix('torch.')}: return answer.float()")
    if not bool(torch.isfinite(answer).all()):
        bad = int((~torch.isfinite(answer)).sum())
        raise ReleaseError(f"forward returns NaN or infinity for {bad} of {counted(n, 'window')} without gaps")
    return answer


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
