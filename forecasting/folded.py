"""A checkpoint's network in numpy, from the matrices that the checkpoint itself gives out.

A call of TorchScript for one window costs more than all else that a forecast takes: some fifty kernels, each found and
started anew. Here everything ahead of the recurrence is folded into two products of matrices, and a step of the cell is
a handful of operations on rows. It is the same function: :func:`fold` holds it to the module before it is used.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from forecasting.errors import ReleaseError
from forecasting.timestep import Floats

Float32s = npt.NDArray[np.float32]

_TRIED: Final = 64
_LATEST: Final = 2e9
_TOLERANCE: Final = 1e-3
"""Windows, Unix seconds and °C of the comparison with the module: single precision is good for a few millionths."""

_HALF: Final = np.float32(0.5)

_PRODUCTS: Final = ([3, 3, 0, 2, 2], [3, 0, 0, 0, 2])
"""Of the bounded increment (0), level (2) and anomaly (3), those that the autoregression knows."""


def fold(module: torch.jit.ScriptModule, window: int) -> "FoldedNetwork | None":
    """The network of a loaded module on the CPU; None where the module gives out no matrices.

    Raises:
        ReleaseError: if the two do not forecast the same from made-up windows of ``window`` values.
    """
    given = module.folded() if hasattr(module, "folded") else {}
    arrays = {name: tensor.detach().numpy() for name, tensor in given.items()}
    if not arrays:
        return None
    folded = FoldedNetwork(arrays)
    random = np.random.default_rng(0)
    steps = random.normal(0.0, arrays["spread"], (_TRIED, window))
    windows = np.asarray(arrays["mean"] + np.cumsum(steps, axis=1), dtype=np.float32)
    seconds = random.uniform(0.0, _LATEST, _TRIED)
    with torch.inference_mode():
        said = module(torch.from_numpy(windows), torch.from_numpy(seconds)).numpy()
    apart = float(np.abs(folded(windows, seconds) - said).max())
    # Written so that a NaN is no agreement.
    if not apart <= _TOLERANCE:
        raise ReleaseError(f"contradicts itself: its matrices forecast otherwise than its network, by {apart:g} °C")
    return folded


class FoldedNetwork:
    """The network of a checkpoint.

    Its arrays are those that the checkpoint's ``folded()`` returns:

    - ``phases``, ``rates`` ``(columns,)``: the calendar of a time is the sine of ``phases + time · rates``;
    - ``mean``, ``spread``: °C, what the level is counted from, and what increments are counted in;
    - ``views`` ``(known, 4)``, ``bounds`` ``(4,)``, ``weights`` ``(known + 7, columns)``: of the autoregression, on
      what is known: the window relative to its last value, the level, and the calendar;
    - ``inputs`` ``(steps, known, gates)``, ``hidden`` ``(size, gates)``, ``hidden_bias`` ``(gates,)``: of the cell; all
      biases but that of a GRU's new state stand in the inputs' row of the calendar's constant;
    - ``head`` ``(size,)``, ``head_bias``.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        single = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}
        self._phases = np.asarray(arrays["phases"], dtype=np.float64)
        self._rates = np.asarray(arrays["rates"], dtype=np.float64)
        self._mean, self._spread = np.float32(arrays["mean"]), np.float32(arrays["spread"])
        self._bounds = single["bounds"]
        known = len(single["views"])
        # What is seen of the known, and its share of the autoregression, in one product.
        self._linear = np.concatenate([single["views"], single["weights"][:known]], axis=1)
        self._bent = single["weights"][known:]
        self._inputs = np.ascontiguousarray(single["inputs"].transpose(0, 2, 1))
        self._hidden = np.ascontiguousarray(single["hidden"].T)
        self._hidden_bias = single["hidden_bias"][:, None]
        self._head, self._head_bias = single["head"], np.float32(arrays["head_bias"])
        cells = {1: self._rnn, 3: self._gru, 4: self._lstm}
        self._run = cells[len(self._hidden) // len(self._head)]

    def __call__(self, sst: Float32s, valid_time: Floats) -> Float32s:
        """As the checkpoint's ``forward``: °C ``(n, window)`` and Unix seconds ``(n,)`` to °C ``(n,)``."""
        last = sst[:, -1:]
        season = np.sin(np.multiply.outer(valid_time, self._rates) + self._phases).astype(np.float32)
        known = np.concatenate([sst - last, last - self._mean, season], axis=1)
        increment = self._autoregression(known, season)
        increment += self._head @ self._run(np.matmul(self._inputs, known.T))
        increment += self._head_bias
        increment *= self._spread
        increment += last[:, 0]
        return increment

    def _autoregression(self, known: Float32s, season: Float32s) -> Float32s:
        seen = known @ self._linear
        bounded = np.minimum(np.maximum(seen[:, :4], -self._bounds), self._bounds)
        bent = np.empty((len(known), 7), dtype=np.float32)
        np.multiply(bounded[:, _PRODUCTS[0]], bounded[:, _PRODUCTS[1]], out=bent[:, :5])
        np.tanh(seen[:, :2] * _HALF, out=bent[:, 5:])
        varying = bent @ self._bent
        varying += seen[:, 4:]
        increment: Float32s = np.einsum("ij,ij->i", varying, season)
        return increment

    # Each takes the gates' inputs ``(steps, gates, n)``, which it writes over, and returns the last hidden state
    # ``(size, n)``. Windows lie along the last axis, so that a gate's values lie together.

    def _rnn(self, inputs: Float32s) -> Float32s:
        state: Float32s = np.tanh(inputs[0])
        for gates in inputs[1:]:
            gates += self._hidden @ state
            np.tanh(gates, out=state)
        return state

    def _lstm(self, inputs: Float32s) -> Float32s:
        """The gates' order is input, forget, output, cell, so that those which are sigmoids lie together."""
        n, size = inputs.shape[2], len(self._head)
        state, memory = np.zeros((2, size, n), dtype=np.float32)
        for gates in inputs:
            gates += self._hidden @ state
            _sigmoid(gates[: 3 * size])
            new = gates[3 * size :]
            np.tanh(new, out=new)
            new *= gates[:size]
            memory *= gates[size : 2 * size]
            memory += new
            np.tanh(memory, out=state)
            state *= gates[2 * size : 3 * size]
        return state

    def _gru(self, inputs: Float32s) -> Float32s:
        """The gates' order is reset, update, new."""
        size = len(self._head)
        state = np.zeros((size, inputs.shape[2]), dtype=np.float32)
        for gates in inputs:
            hidden = self._hidden @ state
            both, new = gates[: 2 * size], gates[2 * size :]
            both += hidden[: 2 * size]
            _sigmoid(both)
            last = hidden[2 * size :]
            last += self._hidden_bias[2 * size :]
            last *= both[:size]
            new += last
            np.tanh(new, out=new)
            state -= new
            state *= both[size:]
            state += new
        return state


def _sigmoid(values: Float32s) -> None:
    """In place, by the tangent, which the processor does for many values at once."""
    values *= _HALF
    np.tanh(values, out=values)
    values *= _HALF
    values += _HALF
