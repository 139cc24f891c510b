"""A series from an ERDDAP server in a file, with a record of its source; the file is complete or absent."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from forecasting.downloads import EMPTY_REMEDY, Downloader, FetchError, write_whole
from forecasting.erddap import (
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
from forecasting.readers import content_digest


@dataclass(frozen=True)
class Fetched:
    """A series that was fetched."""

    path: Path
    source: Path
    url: str
    rows: int


def fetch(server: str, dataset: str, query: SeriesQuery, target: Path, downloader: Downloader) -> Fetched:
    """Fetch one series as CSV with a row of units, and write ``<target>.source.json`` beside it.

    The file appears once it is complete. If anything fails, an earlier file stays as it was. The address of the server
    may be that of any of its pages.
    """
    server = server_address(server)
    source = target.with_name(f"{target.name}.source.json")
    with write_whole(target) as file:  # first, so that nothing is requested if the file cannot be written
        description = io.BytesIO()
        downloader.download(info_url(server, dataset), description)
        info = parse_info(server, dataset, description.getvalue().decode("utf-8", "replace"))
        url, completeness = data_url(info, query), _Completeness(info, query, downloader)
        downloader.download(url, file, completeness.missing)
        rows, values = completeness.counts
        if not rows:
            raise FetchError(f"{server} sent no rows of {dataset}; {EMPTY_REMEDY}")
        if not values:
            names = ", ".join(query.variables)
            raise FetchError(
                f"{server} sent {rows} rows of {dataset} without a value of {names}: the place may be on land or under "
                "ice; choose another with --lat and --lon"
            )
    record: dict[str, Any] = {
        "url": url,
        "accessed": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "server": server,
        "dataset": dataset,
        **info.provenance,
        "sha256": content_digest(target),
    }
    with write_whole(source) as file:
        file.write((json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return Fetched(target, source, url, rows)


@dataclass
class _Completeness:
    """A check of responses to a query against the server's description of the series."""

    info: DatasetInfo
    query: SeriesQuery
    downloader: Downloader
    counts: tuple[int, int] = (0, 0)

    def missing(self, file: BinaryIO, proven: bool) -> str | None:
        """Describe what a response lacks; None if nothing seems to be missing.

        The axes of a grid give its number of rows. A server does not say how many rows a table has: if the end of its
        response is not ``proven``, compare the last time of each station with the server's.
        """
        self.counts = rows, _ = _count(file, self.query.variables)
        if self.info.dimensions:
            expected = self._min_rows
            return f"{rows} of {expected} rows" if 0 < rows < expected else None
        return None if proven else self._truncated_station(file)

    @cached_property
    def _min_rows(self) -> int:
        rows = 1
        for axis, count in known_counts(self.info, self.query).items():
            if count is None:
                values = io.BytesIO()
                self.downloader.download(axis_url(self.info, self.query, axis), values)
                count, _ = _count(values, (axis,))
            rows *= count
        return rows

    def _truncated_station(self, file: BinaryIO) -> str | None:
        """Describe the first station whose rows end before the last row that the server has of it."""
        sent = _last_times(file, self._ends[1])
        for station, last in self._ends[0].items():
            if sent.get(station, "") < last:
                of = f" of {station}" if station else ""
                return f"the rows{of} end at {sent.get(station) or 'none'}; the last is at {last}"
        return None

    @cached_property
    def _ends(self) -> tuple[dict[str, str], str | None]:
        """The last time of each station on the server, and the name of the station variable."""
        url, station = ends_url(self.info, self.query)
        response = io.BytesIO()
        self.downloader.download(url, response)
        return _last_times(response, station), station


def _last_times(file: BinaryIO, station: str | None) -> dict[str, str]:
    """Return the last time of each station in CSV with a row of units; that of all rows if ``station`` is None."""
    last: dict[str, str] = {}
    for row in _rows(file):
        name = "" if station is None else row.get(station) or ""
        last[name] = max(last.get(name, ""), row.get("time") or "")
    return last


def _count(file: BinaryIO, variables: Sequence[str]) -> tuple[int, int]:
    """Return the number of rows, and of rows with a value of any of ``variables``, in CSV with a row of units."""
    has_value = [any(row.get(name) not in (None, "", "NaN") for name in variables) for row in _rows(file)]
    return len(has_value), sum(has_value)


def _rows(file: BinaryIO) -> Iterator[dict[str, str]]:
    """Return the rows of data in CSV with a row of units."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    try:
        rows = csv.DictReader(text)
        next(rows, None)
        yield from rows
    finally:
        # Leave the file open for its owner.
        text.detach()
