"""The network of a checkpoint in numpy, built from matrices that the checkpoint itself provides.

Calling TorchScript for one window costs more than the rest of a forecast: it looks up and starts some fifty kernels.
Here, everything before the recurrence is folded into two matrix products, and a step of the cell is a handful of
operations on rows. The function is the same: :func:`fold` compares it with the module before it is used.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from forecasting.errors import ReleaseError
from forecasting.series.times import Floats, Times, unix_seconds
from forecasting.series.timestep import TimeStep

Float32s = npt.NDArray[np.float32]

_TRIED_WINDOWS: Final = 64
_LATEST_SECONDS: Final = 2e9
_TOLERANCE_CELSIUS: Final = 1e-3
"""Windows, Unix seconds and °C for the comparison with the module; single precision is accurate to a few millionths."""

_ROUNDING: Final = 1e-6
"""Singular values below this share of the largest count as rounding errors."""

_HALF: Final = np.array(0.5, dtype=np.float32)
"""A zero-dimensional array, like all scalars here: numpy would convert a Python float at every use."""

_PRODUCTS: Final = ([3, 3, 0, 2, 2, 0], [3, 0, 0, 0, 2, 4])
"""Pairs of the bounded increment (0), level (2), anomaly (3) and spread (4) whose products the autoregression uses."""

_BENT_VIEWS: Final = [0, 1]
"""Views that the autoregression uses through a hyperbolic tangent."""

_RADIANS: Final = 2 * np.pi
"""In a turn."""

_SINGLE_THREAD: Final = 10**6
"""Multiplications up to which OpenBLAS computes a product of contiguous matrices on one thread."""

_FEWEST_WINDOWS: Final = 128
"""Smaller batches cost much more per window."""


def fold(module: nn.Module, window: int) -> "FoldedNetwork | None":
    """Return the network of a module on the CPU; None if the module provides no matrices."""
    tensors: Mapping[str, torch.Tensor] = getattr(module, "folded", dict)()
    arrays = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    if not arrays:
        return None
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ReleaseError("the folded matrices contain values that are not finite")
    folded = FoldedNetwork(arrays)
    random = np.random.default_rng(0)
    steps = random.normal(0.0, arrays["spread"], (_TRIED_WINDOWS, window))
    windows = np.asarray(arrays["mean"] + np.cumsum(steps, axis=1), dtype=np.float32)
    seconds = random.uniform(0.0, _LATEST_SECONDS, _TRIED_WINDOWS)
    with torch.inference_mode():
        expected = module(torch.from_numpy(windows), torch.from_numpy(seconds)).numpy()
    difference = float(np.abs(folded(windows, seconds) - expected).max())
    # Negated, so that NaN counts as a difference.
    if not difference <= _TOLERANCE_CELSIUS:
        raise ReleaseError(f"the folded matrices and the network disagree by {difference:g} °C")
    return folded


class FoldedNetwork:
    """The network of a checkpoint.

    Its arrays are those that ``folded()`` of the checkpoint returns:

    - ``phases``, ``rates`` ``(columns,)``: the calendar of a time is the sine of ``phases + time · rates``;
    - ``mean``, ``spread``: °C: the level is relative to the mean, and increments are in units of the spread;
    - ``views`` ``(known, 5)``, ``bounds`` ``(5,)``, ``weights`` ``(known + 8, columns)``: the autoregression on the
      known inputs: the window relative to its last value, the level, and the calendar; one less each in a checkpoint
      from before the increment was bounded;
    - ``inputs`` ``(steps, known, gates)``, ``hidden`` ``(size, gates)``, ``hidden_bias`` ``(gates,)``: the cell; all
      biases except that of the new state of a GRU are in the inputs' row for the constant of the calendar;
    - ``head`` ``(size,)``, ``head_bias``.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        single = {name: np.asarray(array, dtype=np.float32, order="C") for name, array in arrays.items()}
        self._phases = np.asarray(arrays["phases"], dtype=np.float64)[:, None] / _RADIANS
        self._rates = np.asarray(arrays["rates"], dtype=np.float64)[:, None] / _RADIANS
        self._mean, self._spread = single["mean"], single["spread"]
        known = len(single["views"])
        self._products = products = len(single["weights"]) - known - len(_BENT_VIEWS)
        factors = [*_PRODUCTS[0][:products], *_PRODUCTS[1][:products]]
        self._upper = single["bounds"][factors, None]
        self._lower = -self._upper
        # One product gives every view of the known inputs as often as it is used, and the linear autoregression.
        views = [single["views"][:, factors], single["views"][:, _BENT_VIEWS] * _HALF, single["weights"][:known]]
        self._linear = np.ascontiguousarray(np.concatenate(views, axis=1).T)
        self._bent = np.ascontiguousarray(single["weights"][known:].T)
        self._head, self._head_bias = single["head"], single["head_bias"]
        self._size = size = len(self._head)
        columns, inputs = _factors(np.asarray(arrays["inputs"], dtype=np.float64))
        self._steps = len(columns), len(inputs)
        self._columns = np.ascontiguousarray(np.concatenate(columns, axis=1, dtype=np.float32).T)
        # The state of the cell: the hidden state, a row of ones for the bias, and the inputs of the step.
        hidden = np.concatenate([arrays["hidden"].T, arrays["hidden_bias"][:, None], inputs.T], axis=1)
        # Functions, since a bound method would refer back to the network, and only a garbage collection could free it.
        cells = {1: (_rnn, 0), 3: (_gru, 2 * size), 4: (_lstm, 3 * size)}
        self._run, sigmoids = cells[len(hidden) // size]
        # sigmoid(x) = (1 + tanh(x / 2)) / 2.
        hidden[:sigmoids] *= 0.5
        if self._run is _gru:
            # The reset gate of a GRU does not apply to the input of the new state, which therefore has separate rows.
            from_input = hidden[sigmoids:].copy()
            from_input[:, : size + 1] = hidden[sigmoids:, size + 1 :] = 0.0
            hidden = np.concatenate([hidden, from_input])
        self._gates = np.ascontiguousarray(hidden, dtype=np.float32)
        largest = max(self._gates.size, self._linear.size, self._columns.size)
        self.most_windows = max(_SINGLE_THREAD // largest, _FEWEST_WINDOWS)

    def __call__(self, sst: Float32s, valid_time: Floats) -> Float32s:
        """Forecast like the checkpoint's ``forward``: °C ``(n, window)`` and Unix seconds ``(n,)`` to °C ``(n,)``."""
        # Windows are along the last axis everywhere, so that each operation works on long contiguous rows.
        window, last = sst.shape[1], sst[:, -1]
        season = self._season(valid_time)
        known = np.empty((window + 1 + len(season), len(sst)), dtype=np.float32)
        np.subtract(sst.T, last, out=known[:window])
        np.subtract(last, self._mean, out=known[window])
        known[window + 1 :] = season
        increment = self._autoregression(known, season)
        increment += self._head.dot(self._last_hidden(known))
        increment += self._head_bias
        increment *= self._spread
        increment += last
        return increment

    def _season(self, valid_time: Floats) -> Float32s:
        """Return the calendar of each time, ``(columns, n)``."""
        # Within half a turn, single precision is enough, and its sine takes a tenth of the time.
        turns = valid_time * self._rates
        turns += self._phases
        turns -= np.rint(turns)
        turns *= _RADIANS
        season: Float32s = np.sin(turns.astype(np.float32))
        return season

    def _autoregression(self, known: Float32s, season: Float32s) -> Float32s:
        seen = self._linear.dot(known)
        n, ends = self._products, 2 * self._products + len(_BENT_VIEWS)
        factors, bend = seen[: 2 * n], seen[2 * n : ends]
        np.minimum(factors, self._upper, out=factors)
        np.maximum(factors, self._lower, out=factors)
        bent = np.empty((n + len(_BENT_VIEWS), known.shape[1]), dtype=np.float32)
        np.multiply(factors[:n], factors[n:], out=bent[:n])
        np.tanh(bend, out=bent[n:])
        varying = self._bent.dot(bent)
        varying += seen[ends:]
        varying *= season
        increment: Float32s = varying.sum(axis=0)
        return increment

    def _last_hidden(self, known: Float32s) -> Float32s:
        """Return the hidden state of the cell after the last step, ``(size, n)``."""
        n, size, (steps, seen) = known.shape[1], self._size, self._steps
        inputs = self._columns.dot(known).reshape(steps, seen, n)
        state = np.empty((size + 1 + seen, n), dtype=np.float32)
        state[:size] = 0.0
        state[size] = 1.0
        self._run(self._gates, state, inputs)
        return state[:size]


# Each cell takes the inputs of one step after another into the state, and changes the hidden state in place: one state
# for all steps stays in the processor's nearest cache. Buffers are allocated once and reused by every step.


def _rnn(matrix: Float32s, state: Float32s, inputs: Float32s) -> None:
    size = len(matrix)
    hidden, now = state[:size], state[size + 1 :]
    for step in inputs:
        now[...] = step
        np.tanh(matrix.dot(state), out=hidden)


def _lstm(matrix: Float32s, state: Float32s, inputs: Float32s) -> None:
    """The order of the gates is input, forget, output, cell, so that the sigmoids are contiguous."""
    size = len(matrix) // 4
    hidden, now = state[:size], state[size + 1 :]
    gates = np.empty((len(matrix), state.shape[1]), dtype=np.float32)
    sigmoids, new = gates[: 3 * size], gates[3 * size :]
    write, keep, show = sigmoids[:size], sigmoids[size : 2 * size], sigmoids[2 * size :]
    memory = np.zeros_like(new)
    for step in inputs:
        now[...] = step
        matrix.dot(state, gates)
        np.tanh(gates, out=gates)
        sigmoids *= _HALF
        sigmoids += _HALF
        new *= write
        memory *= keep
        memory += new
        np.tanh(memory, out=hidden)
        hidden *= show


def _gru(matrix: Float32s, state: Float32s, inputs: Float32s) -> None:
    """The order of the gates is reset, update, new from the state, new from the input."""
    size = len(matrix) // 4
    hidden, now = state[:size], state[size + 1 :]
    gates = np.empty((len(matrix), state.shape[1]), dtype=np.float32)
    sigmoids, new, from_input = gates[: 2 * size], gates[2 * size : 3 * size], gates[3 * size :]
    reset, update = sigmoids[:size], sigmoids[size:]
    for step in inputs:
        now[...] = step
        matrix.dot(state, gates)
        np.tanh(sigmoids, out=sigmoids)
        sigmoids *= _HALF
        sigmoids += _HALF
        new *= reset
        new += from_input
        np.tanh(new, out=new)
        hidden -= new
        hidden *= update
        hidden += new


def _factors(inputs: Floats) -> tuple[Floats, Floats]:
    """Factor ``inputs`` ``(steps, known, gates)`` into ``(steps, known, seen)`` and ``(seen, gates)``.

    The first is what each step sees of the known inputs, the second what the gates make of it. A step sees few numbers:
    as many as there are singular values above the rounding errors of single precision.
    """
    flat = inputs.reshape(-1, inputs.shape[2])
    squares, axes = np.linalg.eigh(flat.T @ flat)
    axes = axes[:, squares > _ROUNDING**2 * squares[-1]]
    return (flat @ axes).reshape(*inputs.shape[:2], axes.shape[1]), axes.T


BATCH_WINDOWS: Final = 512
"""Windows in each call of TorchScript; larger batches are no faster (benchmarks/)."""

LEADS_WINDOWS: Final = 64
"""Windows in each call of a network that forecasts all leads at once, whose intermediate results are larger."""

CHUNK_WINDOWS: Final = 512
"""The most windows in each call of the network in numpy, so that its arrays stay in the processor's cache."""


class NetworkRoller:
    """A network on a device that forecasts each lead from its own forecasts of the earlier ones."""

    def __init__(self, module: nn.Module, step: TimeStep, device: torch.device) -> None:
        self.module = cast(Any, module)  # its attributes are those of the contract
        self.step = step
        self.device = device
        self.forecasts_leads = hasattr(module, "leads")
        self.folded = fold(module, self.module.window) if device.type == "cpu" else None

    def roll(self, windows: Floats, valid_time: Times, horizon: int) -> Floats:
        """Forecast each lead from the earlier ones; see :class:`~forecasting.series.origins.Roller`."""
        return self.roll_all(windows, self.step.shift(valid_time[:, None], np.arange(horizon)))

    def roll_all(self, windows: Floats, times: Times) -> Floats:
        """Forecast each lead from the earlier ones.

        Args:
            windows: °C, ``(n, window)``.
            times: valid times, ``(n, horizon)``.

        Returns:
            °C, ``(n, horizon)``.
        """
        return self._run(windows.astype(np.float32), unix_seconds(times)).astype(np.float64)

    def infer(self, windows: npt.NDArray[np.float32], seconds: Floats) -> npt.NDArray[np.float32]:
        """Run the network once, in batches: °C ``(n, window)`` and Unix seconds ``(n,)`` to °C ``(n,)``."""
        return self._run(windows, seconds[:, None])[:, 0]

    def _run(self, windows: npt.NDArray[np.float32], seconds: Floats) -> npt.NDArray[np.float32]:
        if self.folded is not None:
            size = min(CHUNK_WINDOWS, self.folded.most_windows)
            if len(windows) <= size:
                return self._roll_folded(self.folded, windows, seconds)
            chunks = [slice(begin, begin + size) for begin in range(0, len(windows), size)]
            rolled_chunks = [self._roll_folded(self.folded, windows[chunk], seconds[chunk]) for chunk in chunks]
            return np.concatenate(rolled_chunks)
        values, times = torch.from_numpy(windows), torch.from_numpy(seconds)
        with torch.inference_mode():
            size = LEADS_WINDOWS if self.forecasts_leads else BATCH_WINDOWS
            if len(windows) <= size:
                rolled = self._roll_batch(values, times)
            else:
                batches = zip(values.split(size), times.split(size), strict=True)
                rolled = torch.cat([self._roll_batch(v, t) for v, t in batches])
        array: npt.NDArray[np.float32] = rolled.numpy()
        return array

    def _roll_folded(
        self, folded: FoldedNetwork, windows: npt.NDArray[np.float32], seconds: Floats
    ) -> npt.NDArray[np.float32]:
        window, horizon = windows.shape[1], seconds.shape[1]
        if horizon == 1:
            return folded(windows, seconds[:, 0])[:, None]
        sst = np.empty((len(windows), window + horizon), dtype=np.float32)
        sst[:, :window] = windows
        for lead in range(horizon):
            sst[:, window + lead] = folded(sst[:, lead : lead + window], seconds[:, lead])
        return sst[:, window:]

    def _roll_batch(self, windows: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        if self.device.type == "cuda":
            # Copies from pinned memory overlap with the kernels of the previous batch.
            windows = windows.pin_memory().to(self.device, non_blocking=True)
            times = times.pin_memory().to(self.device, non_blocking=True)
        window, horizon = windows.shape[1], times.shape[1]
        if self.forecasts_leads:
            leads: torch.Tensor = self.module.leads(windows, times)
            return leads.cpu()
        if horizon == 1:
            first: torch.Tensor = self.module(windows, times[:, 0])
            return first[:, None].cpu()
        sst = torch.cat([windows, windows.new_empty(len(windows), horizon)], dim=1)
        for lead in range(horizon):
            sst[:, window + lead] = self.module(sst[:, lead : lead + window], times[:, lead])
        return sst[:, window:].cpu()
