"""A series from an ERDDAP server into a file, with a note of where it came from."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from forecasting.readers import content_digest
from training.sources.download import EMPTY_REMEDY, Downloader, FetchError, whole, write_json
from training.sources.erddap import (
    DatasetInfo,
    SeriesQuery,
    axis_url,
    data_url,
    ends_url,
    info_url,
    known_counts,
    parse_info,
    server_address,
)


@dataclass(frozen=True)
class Fetched:
    """What was fetched.

    Attributes:
        path: of the data, as the server sent them.
        source: of the note beside them: address, time of access, title, licence, digest.
        url: of the data.
        rows: of data.
    """

    path: Path
    source: Path
    url: str
    rows: int


def fetch(server: str, dataset: str, query: SeriesQuery, target: Path, downloader: Downloader) -> Fetched:
    """Fetch one series as CSV with a row of units, and write ``<target>.source.json`` beside it.

    The file appears when it is complete; where anything fails, what was there before is left as it was.

    Raises:
        FetchError: in a sentence, with the server's own words where it has any.
    """
    server = server_address(server)
    source = target.with_name(f"{target.name}.source.json")
    with whole(target) as file:  # before anything is asked for: whether it can be written
        described = io.BytesIO()
        downloader.download(info_url(server, dataset), described)
        info = parse_info(server, dataset, described.getvalue().decode("utf-8", "replace"))
        url, answer = data_url(info, query), _Answer(info, query, downloader)
        downloader.download(url, file, answer.lacking)
        rows, values = answer.counts
        if not rows:
            raise FetchError(f"{server} sent no rows of {dataset}; {EMPTY_REMEDY}")
        if not values:
            named = ", ".join(query.variables)
            raise FetchError(
                f"{server} sent {rows} rows of {dataset} without a value of {named}: this may be land, or ice; choose "
                "another place with --lat and --lon"
            )
    note: dict[str, Any] = {
        "url": url,
        "accessed": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "server": server,
        "dataset": dataset,
        **info.provenance,
        "sha256": content_digest(target),
    }
    write_json(source, note)
    return Fetched(target, source, url, rows)


@dataclass
class _Answer:
    """The answer to a query, held against what the server says of the series.

    Attributes:
        info: what the server says of the dataset.
        query: what is asked of it.
        downloader: that asks for more where that is needed.
        counts: rows of data, and those of them with a value, of the answer that was looked at last.
    """

    info: DatasetInfo
    query: SeriesQuery
    downloader: Downloader
    counts: tuple[int, int] = (0, 0)

    def lacking(self, file: BinaryIO, proven: bool) -> str | None:
        """What of an answer is not there; None where nothing shows that anything is.

        A grid has as many rows as its axes say. How many a table has, a server does not tell: where the end of its
        answer is not ``proven``, the last time of each station is held against the server's.
        """
        self.counts = rows, _ = _count(file, self.query.variables)
        if self.info.dimensions:
            expected = self._least_rows
            return f"{rows} of {expected} rows" if 0 < rows < expected else None
        return None if proven else self._early_station(file)

    @cached_property
    def _least_rows(self) -> int:
        return prod(
            self._axis_length(axis) if count is None else count
            for axis, count in known_counts(self.info, self.query).items()
        )

    def _axis_length(self, axis: str) -> int:
        values = io.BytesIO()
        self.downloader.download(axis_url(self.info, self.query, axis), values)
        return _count(values, (axis,))[0]

    def _early_station(self, file: BinaryIO) -> str | None:
        """A sentence on the first station whose rows end before the last one that the server has of it."""
        sent = _last_times(file, self._ends[1])
        for station, last in self._ends[0].items():
            if sent.get(station, "") < last:
                of = f" of {station}" if station else ""
                return f"the rows{of} end at {sent.get(station) or 'none'}, and the last is at {last}"
        return None

    @cached_property
    def _ends(self) -> tuple[dict[str, str], str | None]:
        """The last time of each station, and the variable of stations."""
        url, station = ends_url(self.info, self.query)
        answer = io.BytesIO()
        self.downloader.download(url, answer)
        return _last_times(answer, station), station


def _last_times(file: BinaryIO, station: str | None) -> dict[str, str]:
    """The last time of each station in CSV with a row of units; of all rows where ``station`` is None."""
    last: dict[str, str] = {}
    for row in _rows(file):
        name = "" if station is None else row.get(station) or ""
        last[name] = max(last.get(name, ""), row.get("time") or "")
    return last


def _count(file: BinaryIO, variables: Sequence[str]) -> tuple[int, int]:
    """Rows of data, and those of them with a value of any of ``variables``, in CSV with a row of units."""
    found = [any(row.get(name) not in (None, "", "NaN") for name in variables) for row in _rows(file)]
    return len(found), sum(found)


def _rows(file: BinaryIO) -> Iterator[dict[str, str]]:
    """Rows of data, in CSV with a row of units."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    try:
        rows = csv.DictReader(text)
        next(rows, None)
        yield from rows
    finally:
        # The file is its owner's to close.
        text.detach()
