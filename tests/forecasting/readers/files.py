"""Small files for tests of the readers, and what is expected of them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from forecasting.errors import FileError
from forecasting.readers import Reading, ReadingOptions, ReadStation, read
from forecasting.readers.delimited import read_delimited
from forecasting.readers.tabular import TableLayout, find_layout
from forecasting.series.times import iso
from forecasting.series.timestep import TimeStep


def write(folder: Path, *lines: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def days(count: int, month: int = 1) -> list[str]:
    return [f"2001-{month:02}-{day:02}" for day in range(1, count + 1)]


def rows(times: Iterable[str], value: str = "10") -> list[str]:
    return [f"{time},{value}" for time in times]


def options(given: dict[str, Any]) -> ReadingOptions:
    """Options by name; the step of ``resample`` may be text."""
    step = given.get("resample")
    return ReadingOptions(**given | ({"resample": TimeStep.parse(step)} if isinstance(step, str) else {}))


def only(reading: Reading) -> ReadStation:
    (station,) = reading.stations
    return station


FOUND: Final[dict[str, Callable[[Reading], Any]]] = {
    "start": lambda reading: iso(reading.series.start),
    "step": lambda reading: str(reading.series.step),
    "n": lambda reading: len(reading.series),
    "values": lambda reading: reading.series.values.tolist(),
    "names": lambda reading: reading.names,
    "warnings": lambda reading: only(reading).warnings,
    "units": lambda reading: only(reading).units,
    "units_from": lambda reading: only(reading).units_from,
    "flags": lambda reading: only(reading).flags,
    "value": lambda reading: only(reading).columns.value,
    "flag_column": lambda reading: only(reading).columns.flags,
}
"""Where each fact that a test may expect is in a reading."""


def expect(path: Path, given: dict[str, Any] | None = None, note: str = "", **expected: Any) -> None:
    """Read a file with the options ``given``; compare what is ``expected``, and find a ``note`` of the series."""
    reading = read(path, options(given or {}))
    for name, value in expected.items():
        if name == "values":
            value = pytest.approx(value, nan_ok=True)
        assert FOUND[name](reading) == value, name
    assert not note or note in reading.series.notes


def refuse(path: Path, message: str, **given: Any) -> None:
    """Expect a file to be refused, with the options ``given``."""
    with pytest.raises(FileError, match=message):
        _ = read(path, options(given)).series


def layout(path: Path) -> TableLayout:
    """Return which columns hold what."""
    return find_layout(read_delimited(path.read_text()), ReadingOptions())
