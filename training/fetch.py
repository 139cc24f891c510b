"""A series from an ERDDAP server into a file, with a note of where it came from."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from forecasting.readers import content_digest
from training.download import EMPTY_REMEDY, Downloader, FetchError, whole, write_json
from training.erddap import Wanted, data_url, info_url, parse_info, server_address


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


def fetch(server: str, dataset: str, wanted: Wanted, target: Path, downloader: Downloader) -> Fetched:
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
        info = parse_info(described.getvalue().decode("utf-8", "replace"))
        url = data_url(server, dataset, info, wanted)
        downloader.download(url, file)
        rows, values = _count(file, wanted.variables)
        if not rows:
            raise FetchError(f"{server} sent no rows of {dataset}; {EMPTY_REMEDY}")
        if not values:
            named = ", ".join(wanted.variables)
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


def _count(file: BinaryIO, variables: Sequence[str]) -> tuple[int, int]:
    """Rows of data, and those of them with a value of any of ``variables``, in CSV with a row of units."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    try:
        rows = csv.DictReader(text)
        next(rows, None)
        found = [any(row.get(name) not in (None, "", "NaN") for name in variables) for row in rows]
    finally:
        # The file is its owner's to close.
        text.detach()
    return len(found), sum(found)
