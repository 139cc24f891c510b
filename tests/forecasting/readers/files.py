"""Small files for tests of the readers."""

from collections.abc import Iterable
from pathlib import Path


def write(folder: Path, *lines: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def days(count: int, month: int = 1) -> list[str]:
    return [f"2001-{month:02}-{day:02}" for day in range(1, count + 1)]


def rows(times: Iterable[str], value: str = "10") -> list[str]:
    return [f"{time},{value}" for time in times]
