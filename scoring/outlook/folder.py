"""The folder of outlooks: one folder for each, named after its day, and ``latest``, which links to the newest.

Nothing in it is changed once it is there. An outlook is complete before it gets its name, and ``latest`` moves by a
rename, so a killed command or a full disk leaves the last good outlook in place.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from forecasting.disk import flush
from scoring.errors import ScoringError
from scoring.work import WorkFolder

LATEST: Final = "latest"
DESCRIPTION: Final = "outlook.json"
"""The file that describes an outlook, and identifies its run."""


@dataclass(frozen=True)
class OutlookFolder:
    """A folder of outlooks."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "OutlookFolder":
        """Return the folder, which is created if it does not exist."""
        if path.exists() and not path.is_dir():
            raise ScoringError(f"{path} is a file; --output names a folder, in which each outlook has its own")
        link = path / LATEST
        if link.exists() and not link.is_symlink():
            raise ScoringError(f"{link} is not a link to the newest outlook; choose another --output, or rename it")
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    def find(self, identity: str) -> Path | None:
        """Return the outlook of a run; None if it was not published."""
        return next((outlook for outlook in self._outlooks() if _described(outlook).get("run") == identity), None)

    def publish(self, complete: Path, day: str, work: WorkFolder) -> Path:
        """Give a ``complete`` outlook its name, after its ``day``, and make it the latest; returns its path.

        A second outlook of a day, for example of corrected data, gets a number.
        """
        number, target = 1, self.path / day
        while target.exists():
            number += 1
            target = self.path / f"{day}-{number}"
        work.place(complete, target)
        self.make_latest(target)
        return target

    def make_latest(self, outlook: Path) -> None:
        """Link ``latest`` to an outlook, in one step."""
        half = self.path / f".{LATEST}.half"
        half.unlink(missing_ok=True)
        half.symlink_to(outlook.name, target_is_directory=True)
        half.replace(self.path / LATEST)
        flush(self.path)

    def newest_of_days(self) -> list[Path]:
        """Return the files of the outlooks, one for each day, in the order of days: the last that was made.

        A folder that is itself an outlook has one.
        """
        if (self.path / DESCRIPTION).is_file():
            return [self.path / _described(self.path).get("file", "outlook.nc")]
        found: dict[str, tuple[int, Path]] = {}
        for outlook in self._outlooks():
            day, number = outlook.name[:10], int(outlook.name[11:]) if outlook.name[11:].isdigit() else 1
            found[day] = max(found.get(day, (0, outlook)), (number, outlook))
        return [path / _described(path).get("file", "outlook.nc") for _, (_, path) in sorted(found.items())]

    def _outlooks(self) -> Iterator[Path]:
        for inner in sorted(self.path.iterdir(), reverse=True):
            if inner.name != LATEST and not inner.name.startswith(".") and (inner / DESCRIPTION).is_file():
                yield inner


def _described(outlook: Path) -> dict[str, Any]:
    try:
        description: dict[str, Any] = json.loads((outlook / DESCRIPTION).read_bytes())
    except (OSError, ValueError):
        return {}
    return description
