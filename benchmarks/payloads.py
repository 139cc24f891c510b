"""Request bodies in the likeness of what callers send: stretches of the shipped series, shifted and with noise."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from forecasting.readers import read_csv
from forecasting.series.times import Floats, Times, iso, unix_seconds

WINDOW: Final = 24
"""Values that the networks on nino12 start from."""

_SERIES: Final = Path(__file__).parent.parent / "data" / "nino12.csv"
_MODELS: Final = ("rnn", "lstm", "gru", "best")
_LONGEST: Final = 40


@dataclass(frozen=True)
class Stretch:
    """Consecutive months: °C with two decimals ``(n,)``, and ``n + 1`` times, the last of them to be forecast."""

    values: Floats
    times: Times

    @property
    def valid_time(self) -> float:
        """Unix seconds of the month to forecast."""
        return float(unix_seconds(self.times[-1:])[0])


def stretches(n: int, shortest: int = WINDOW, longest: int = WINDOW) -> list[Stretch]:
    """``n`` different ones; the same at every call."""
    random = np.random.default_rng(n)
    series = read_csv(_SERIES)
    made = []
    for _ in range(n):
        length = int(random.integers(shortest, longest + 1))
        begin = int(random.integers(0, len(series) - length))
        noise = random.normal(random.uniform(-0.5, 0.5), 0.1, length)
        values = np.round(series.values[begin : begin + length] + noise, 2)
        made.append(Stretch(values, series.times[begin : begin + length + 1]))
    return made


def simple(n: int) -> list[dict[str, Any]]:
    """Series with the window's length and a start."""
    return [
        {"id": f"buoy-{i}", "start": iso(one.times[0]), "values": one.values.tolist()}
        for i, one in enumerate(stretches(n))
    ]


def general(n: int) -> list[dict[str, Any]]:
    """Series of 24 to 40 values: half of them with one to three nulls, a third with a time for each value."""
    random = np.random.default_rng(n)
    series = []
    for i, one in enumerate(stretches(n, WINDOW, _LONGEST)):
        values: list[float | None] = list(one.values.tolist())
        if i % 2:
            for place in random.integers(1, len(values) - 1, size=int(random.integers(1, 4))):
                values[place] = None
        written: dict[str, Any] = {"id": f"buoy-{i}", "values": values}
        if i % 3:
            written["start"] = iso(one.times[0])
        else:
            written["timestamps"] = [iso(time) for time in one.times[:-1]]
        series.append(written)
    return series


def simple_bodies(n: int) -> list[bytes]:
    """One series each, all through GRU."""
    return [_body("gru", [one]) for one in simple(n)]


def mixed_bodies(n: int) -> list[bytes]:
    """One series each, as :func:`general` makes them, through each network and ``best`` in turn."""
    return [_body(_MODELS[i // 6 % len(_MODELS)], [one]) for i, one in enumerate(general(n))]


def large_body(series: Sequence[dict[str, Any]]) -> bytes:
    """All series in one request, through GRU."""
    return _body("gru", series)


def write(path: Path, bodies: Sequence[bytes]) -> Path:
    """One body a line, as post.lua reads them; returns ``path``."""
    if len(set(bodies)) < len(bodies):
        raise ValueError("two bodies are alike")
    path.write_bytes(b"\n".join(bodies) + b"\n")
    return path


def _body(model: str, series: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps({"model": model, "series": series}, separators=(",", ":")).encode()
