"""Downloads from servers, and of a series from an ERDDAP server into a file, with a record of its source.

The server may be slow, busy or cut a response short: a file is complete or absent.
"""

import csv
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import httpx

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
from forecasting.errors import ForecastError
from forecasting.readers import content_digest
from forecasting.readers.text import MAX_TEXT, erddap_error
from forecasting.weather_sources import open_meteo_error, retry_after, seconds_until_allowed

Pause = Callable[[float], object]
Tell = Callable[[str], object]
Check = Callable[[BinaryIO, bool], str | None]
"""Called with a response and whether its end is proven; returns what is missing, or None if nothing is."""

MAX_ATTEMPTS: Final = 4
_FIRST_PAUSE_SECONDS: Final = 2.0
_MAX_PAUSE_SECONDS: Final = 60.0
_RETRIED_STATUSES: Final = (408, 429, 500, 502, 503, 504)
EMPTY_REMEDY: Final = "widen --from, --to or the place, and check --station"
_TIMEOUT: Final = httpx.Timeout(120.0, connect=20.0)
_MAX_ERROR_BYTES: Final = 65_536
_SEARCHED_BYTES: Final = 4_096
"""Length of the beginning and of the end of a response that are searched for an error message."""


class FetchError(ForecastError):
    """Data that could not be fetched; the message quotes the server and says what to do."""


class _TryAgainError(Exception):
    """A temporary failure; another attempt may succeed.

    Attributes:
        wait: seconds that the server asks to wait; None if it does not say.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class ServerKind(NamedTuple):
    """A kind of server, for messages: the option with its address, an example of one, and its name."""

    option: str
    example: str
    name: str


ERDDAP: Final = ServerKind("--erddap", "https://HOST/erddap", "an ERDDAP server")


@dataclass(frozen=True)
class Downloader:
    """Downloads CSV and JSON, and retries with pauses that spare the server.

    Attributes:
        pause: called with the seconds to wait before another attempt.
        tell: called with a sentence before each wait.
        kind: the kind of the server.
    """

    client: httpx.Client
    pause: Pause = time.sleep
    tell: Tell = lambda message: None
    kind: ServerKind = ERDDAP

    @classmethod
    @contextmanager
    def open(
        cls, pause: Pause = time.sleep, tell: Tell = lambda message: None, kind: ServerKind = ERDDAP
    ) -> "Iterator[Downloader]":
        """Open a downloader that follows redirects; its connections close at the end of the block."""
        headers = {"User-Agent": "sst-forecasting"}
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=True, headers=headers) as client:
            yield cls(client, pause, tell, kind)

    def get(self, url: str) -> bytes:
        """Return the complete CSV or JSON at ``url``. Attempts and errors are those of :meth:`download`."""
        content = io.BytesIO()
        self.download(url, content)
        return content.getvalue()

    def download(self, url: str, file: BinaryIO, check: Check = lambda file, proven: None) -> None:
        """Write the complete CSV or JSON at ``url`` into ``file``.

        If the server is busy, the connection fails or the response is cut short, try again: up to four attempts, 2, 4
        and 8 seconds apart, or as far apart as the server asks, up to a minute.

        Args:
            url: URL of the data.
            file: File to write to; replaces what it held.
            check: inspects the response; if something is missing, the response counts as cut short. It also receives
                whether the end of the response is proven, by a length or by chunks. Without proof, a lost connection
                looks like the end.

        Raises:
            FetchError: quoting the server if it sent a message.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            file.seek(0)
            file.truncate()
            try:
                proven = self._request(url, file)
                missing = check(file, proven)
                if missing is None:
                    return
                raise _TryAgainError(f"the response was cut short: {missing}")
            except _TryAgainError as error:
                if attempt == MAX_ATTEMPTS:
                    raise FetchError(f"{_host(url)}: {error} ({MAX_ATTEMPTS} attempts); try again later") from None
                wait = min(
                    _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) if error.wait is None else error.wait, _MAX_PAUSE_SECONDS
                )
                self.tell(f"{_host(url)}: {error}; trying again in {wait:.0f} s")
                self.pause(wait)

    def _request(self, url: str, file: BinaryIO) -> bool:
        """Write the response of one request into ``file``; returns whether its end is proven."""
        try:
            with self.client.stream("GET", url) as response:
                if response.status_code != 200:
                    _refuse(response)
                _write(response, file)
                proven = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
        except httpx.TimeoutException:
            raise _TryAgainError("the server did not respond in time") from None
        except httpx.TooManyRedirects:
            raise FetchError(f"{_host(url)} redirects endlessly; check {self.kind.option}") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            remedy = f"write {self.kind.option} {self.kind.example}"
            raise FetchError(f"{url[:60]!r} is not a server address: {remedy}") from None
        except httpx.HTTPError as error:
            raise _TryAgainError(f"the connection failed ({error or type(error).__name__})") from None
        _refuse_other_content(url, file, self.kind)
        return proven


def _write(response: httpx.Response, file: BinaryIO) -> None:
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > MAX_TEXT:
            raise FetchError(
                f"the response is larger than {MAX_TEXT >> 20} MiB; ask for a shorter time or a single place"
            )
        file.write(chunk)


def _refuse(response: httpx.Response) -> None:
    """Raise _TryAgainError if the status is temporary, FetchError otherwise."""
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _MAX_ERROR_BYTES:
            break
    text = body.decode("utf-8", "replace")
    status, reason = response.status_code, open_meteo_error(body)
    message = erddap_error(text) or reason or _plain_text(text) or response.reason_phrase
    allowed_in = seconds_until_allowed(reason or "")
    if status in _RETRIED_STATUSES and (allowed_in or 0) <= _MAX_PAUSE_SECONDS:
        wait = retry_after(response.headers, time.time())
        raise _TryAgainError(f"the server responded {status}: {message}", allowed_in if wait is None else wait)
    if "no matching results" in message:
        message += f"; {EMPTY_REMEDY}"
    elif "unknown datasetID" in message:
        message += "; check --dataset"
    raise FetchError(f"{_host(str(response.url))} responded {status}: {message}")


def _plain_text(text: str) -> str:
    """Return the title of an HTML page, or the beginning of plain text."""
    title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    summary = title[1] if title else ("" if "<" in text[:100] else text[:200])
    return " ".join(summary.split())


def _refuse_other_content(url: str, file: BinaryIO, kind: ServerKind) -> None:
    """Raise FetchError or _TryAgainError if the response is a web page, an error message or cut short."""
    file.seek(0)
    head = file.read(_SEARCHED_BYTES).decode("utf-8", "replace")
    opening = head.lstrip()[:1]
    if opening == "<":
        title = _plain_text(head) or "without a title"
        raise FetchError(f"{_host(url)} sent a web page ({title}) instead of data; is {kind.option} {kind.name}?")
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _SEARCHED_BYTES))
    tail = file.read().decode("utf-8", "replace")
    if opening in ("{", "["):
        if tail.rstrip()[-1:] not in ("}", "]"):
            raise _TryAgainError("the response was cut short")
        return
    # An error after the first rows is appended below the last row sent.
    begin = max(tail.rfind("\nError {"), 0)
    message = erddap_error(head) or erddap_error(tail[begin:])
    if message is not None:
        code = re.search(r"code=(\d+);", tail[begin:])
        if code is not None and int(code[1]) in _RETRIED_STATUSES:
            raise _TryAgainError(f"the server responded {code[1]}: {message}")
        raise FetchError(f"{_host(url)}: {message}")
    if not tail.endswith("\n"):
        raise _TryAgainError("the response was cut short")


def _host(url: str) -> str:
    return url.split("/")[2] if url.count("/") > 1 else url[:60]


@contextmanager
def write_whole(target: Path) -> Iterator[BinaryIO]:
    """Open a file that appears as ``target`` once the block succeeds, and is removed if it fails.

    Raises:
        FetchError: if the file cannot be written.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("x+b") as file:
            yield file
        part.replace(target)
    except OSError as error:
        raise FetchError(f"cannot write {target}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink()


@dataclass(frozen=True)
class Fetched:
    """A series that was fetched.

    Attributes:
        source: path of the record beside the data: address, time of access, title, licence, digest.
    """

    path: Path
    source: Path
    url: str
    rows: int


def fetch(server: str, dataset: str, query: SeriesQuery, target: Path, downloader: Downloader) -> Fetched:
    """Fetch one series as CSV with a row of units, and write ``<target>.source.json`` beside it.

    The file appears once it is complete. If anything fails, an earlier file stays as it was. The address of the server
    may be that of any of its pages.

    Raises:
        FetchError: quoting the server if it sent a message.
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
    """A check of responses to a query against the server's description of the series.

    Attributes:
        downloader: Downloader for further requests, if the description is not enough.
        counts: rows of data, and rows with a value, in the last response that was checked.
    """

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
