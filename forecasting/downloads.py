"""Downloads from servers that may be slow, busy or cut a response short: a file is complete or absent."""

import io
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import httpx

from forecasting.disk import replacing
from forecasting.errors import ForecastError
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
    """A temporary failure; another attempt may succeed."""

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
    """Downloads data, and retries with pauses that spare the server."""

    client: httpx.Client
    pause: Pause = time.sleep
    tell: Tell = lambda message: None
    kind: ServerKind = ERDDAP
    limit: int = MAX_TEXT
    is_text: bool = True
    received: Callable[[int], object] = lambda size: None

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
                self._write(response, file)
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
        _refuse_other_content(url, file, self.kind, is_text=self.is_text)
        return proven

    def _write(self, response: httpx.Response, file: BinaryIO) -> None:
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self.limit:
                raise FetchError(
                    f"the response is larger than {self.limit >> 20} MiB; ask for a shorter time or a single place"
                )
            file.write(chunk)
            self.received(size)


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


def _refuse_other_content(url: str, file: BinaryIO, kind: ServerKind, *, is_text: bool) -> None:
    """Raise FetchError or _TryAgainError if the response is a web page, an error message or cut short."""
    file.seek(0)
    head = file.read(_SEARCHED_BYTES).decode("utf-8", "replace")
    opening = head.lstrip()[:1]
    if opening == "<":
        title = _plain_text(head) or "without a title"
        raise FetchError(f"{_host(url)} sent a web page ({title}) instead of data; is {kind.option} {kind.name}?")
    if not is_text:
        return
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
    """Open a file that appears as ``target`` once the block succeeds, and is removed if it fails."""
    try:
        with replacing(target) as file:
            yield file
    except OSError as error:
        raise FetchError(f"cannot write {target}: {error.strerror}") from None
