"""``python -m benchmarks.size``: how much code and documentation there is, and how much of it a request passes through.

With ``--check``, the exit status is 1 if a number is above its limit in ``size.toml``, or so far below it that the
limit is to be lowered.
"""

import argparse
import asyncio
import math
import os
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import httpx
from pydantic import SecretStr

from benchmarks.support.payloads import simple
from service.app import create_app
from service.settings import Settings

LIMITS: Final = Path(__file__).with_name("size.toml")

_ROOT: Final = Path(__file__).parents[1]
_PROJECT: Final = tuple(f"{_ROOT / name}{os.sep}" for name in ("forecasting", "service"))
_SLACK: Final = 0.01
_GENERATED: Final = "[//]: # (Generated "
"""Begins the part of a page that `docs/generate.py` writes."""

_COLD, _WARM = 3, 25
"""Requests of each kind that are not counted, and that are."""

_SETTLE_SECONDS: Final = 0.02
"""For what other threads still do once a request is answered."""

_DAYS: Final = 60


class _Entered:
    """The functions of the project that all threads enter while a request is answered."""

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()
        # Threads that start later are observed from their start.
        threading.setprofile(self._observe)
        sys.setprofile(self._observe)

    def _observe(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            self._codes.add(frame.f_code)

    def take(self) -> set[CodeType]:
        """Return those entered since the last time."""
        taken, self._codes = self._codes, set()
        return {code for code in taken if code.co_filename.startswith(_PROJECT)}


def count_lines(folders: str, generated: frozenset[Path]) -> int:
    """Count the lines of Python in these folders, separated by spaces."""
    return sum(len(text.splitlines()) for text in _texts(folders, ".py", generated))


def count_words(paths: str, generated: frozenset[Path]) -> int:
    """Count the words of Markdown by hand in these files and folders, separated by spaces."""
    return sum(len(text.partition(_GENERATED)[0].split()) for text in _texts(paths, ".md", generated))


def _texts(paths: str, suffix: str, generated: frozenset[Path]) -> Iterator[str]:
    for path in map(_ROOT.joinpath, paths.split()):
        for file in [path] if path.is_file() else path.rglob(f"*{suffix}"):
            if generated.isdisjoint((file, *file.parents)):
                yield file.read_text(encoding="utf-8")


async def count_entered() -> dict[str, int]:
    """Count the functions that every warm request of each kind enters: to some, what a timer runs comes besides."""
    entered = _Entered()
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        store = SecretStr(f"sqlite:///{folder}/sst.db")
        app = create_app(Settings(artifacts=_ROOT / "artifacts", store=store, background=False))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            (await client.put("/stations/buoy", json={"step": "day"})).raise_for_status()
            for name, path, bodies in _requests():
                sets = [await _answer(client, path, body, entered) for body in bodies]
                counts[name] = len(set.intersection(*sets[-_WARM:]))
    return counts


async def _answer(client: httpx.AsyncClient, path: str, body: object, entered: _Entered) -> set[CodeType]:
    entered.take()
    (await client.post(path, json=body)).raise_for_status()
    await asyncio.sleep(_SETTLE_SECONDS)
    return entered.take()


def _requests() -> Iterator[tuple[str, str, Sequence[object]]]:
    """Yield the name, the path and the bodies of each kind of request."""
    first, times = date(2025, 1, 1), range(_COLD + _WARM)
    days = [round(18 + math.sin(day / 9), 3) for day in range(_DAYS + len(times))]
    daily = [
        {"id": "buoy", "start": str(first), "step": "day", "values": days[after : after + _DAYS]} for after in times
    ]
    yield "forecast by ocean-daily", "/forecast", [{"series": [series]} for series in daily]
    monthly = [{"model": "nino12-gru", "series": [series]} for series in simple(len(times))]
    yield "forecast by nino12-gru", "/forecast", monthly
    readings = [{"start": str(first), "values": days[:_DAYS]}]
    readings += [
        {"start": str(first + timedelta(days=_DAYS + after)), "values": [days[_DAYS + after]]} for after in times
    ]
    yield "reading of a station", "/stations/buoy/observations", readings


def measure(limits: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Count all that has a limit; functions only on the Python whose functions the limit is of."""
    generated = frozenset(_ROOT / path for path in limits["exceptions"]["generated"])
    same_python = sys.version.startswith(f"{limits['exceptions']['python']}.")
    return {
        "lines": {name: count_lines(name, generated) for name in limits["lines"]},
        "words": {name: count_words(name, generated) for name in limits["words"]},
        "entered": asyncio.run(count_entered()) if same_python else {},
    }


def faults(counts: Mapping[str, Mapping[str, int]], limits: Mapping[str, Any]) -> Iterator[str]:
    """Yield what to do about each number above its limit, or far below it. What does not exist needs no limit yet."""
    for kind, names in counts.items():
        for name, count in names.items():
            limit = limits[kind][name]
            told = f"{kind} ({name}): {count}, but the limit in benchmarks/size.toml is {limit}:"
            if count > limit:
                yield f"{told} take {count - limit} away, or raise it in a commit of its own that gives the reason"
            elif 0 < count < (1 - _SLACK) * limit:
                key = name if name.isidentifier() else f'"{name}"'
                yield f"{told} so that they stay away, write there, under [{kind}]: {key} = {count}"


def main() -> None:
    """Print each number beside its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.size", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a number is not at its limit")
    check = parser.parse_args().check
    limits = tomllib.loads(LIMITS.read_text(encoding="utf-8"))
    counts = measure(limits)
    for kind, names in counts.items():
        for name, count in names.items():
            print(f"{count:6} of {limits[kind][name]:6}  {kind}: {name}")
    if check and (found := [*faults(counts, limits)]):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
