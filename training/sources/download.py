"""Files from a server that may be slow, busy or cut off: whole, or not at all."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import httpx

from forecasting.errors import ForecastError
from forecasting.readers.base.text import MAX_TEXT, erddap_error

Pause = Callable[[float], object]
Tell = Callable[[str], object]
Check = Callable[[BinaryIO, bool], str | None]
"""Says of an answer, and of whether its end is proven, what of it is not there; None where nothing is amiss."""

ATTEMPTS: Final = 4
_FIRST_PAUSE_SECONDS: Final = 2.0
_MAX_PAUSE_SECONDS: Final = 60.0
_BUSY: Final = (408, 429, 500, 502, 503, 504)
EMPTY_REMEDY: Final = "widen --from, --to or the place, and check --station"
_TIMEOUT: Final = httpx.Timeout(120.0, connect=20.0)
_MAX_ERROR_BYTES: Final = 65_536
_EDGE_BYTES: Final = 4_096
"""Of the beginning and the end of an answer, in which words of the server's own are looked for."""


class FetchError(ForecastError):
    """Data that could not be fetched: what the server said, and what to do."""


class _TryAgainError(Exception):
    """An answer that may be another one in a moment."""

    def __init__(self, said: str, wait: float | None = None) -> None:
        super().__init__(said)
        self.wait = wait


@dataclass(frozen=True)
class Downloader:
    """Fetches CSV, trying again politely.

    Attributes:
        client: that asks.
        pause: called with seconds to wait before another attempt.
        tell: called with a sentence where whoever waits would wonder.
    """

    client: httpx.Client
    pause: Pause = time.sleep
    tell: Tell = lambda said: None

    @classmethod
    @contextmanager
    def open(cls, pause: Pause = time.sleep, tell: Tell = lambda said: None) -> "Iterator[Downloader]":
        """A downloader with connections of its own, which follows redirects."""
        headers = {"User-Agent": "sst-forecasting"}
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=True, headers=headers) as client:
            yield cls(client, pause, tell)

    def download(self, url: str, file: BinaryIO, check: Check = lambda file, proven: None) -> None:
        """Write the CSV at ``url`` into ``file``, whole.

        A busy server, a lost connection and an answer that is cut short are tried again, four times in all, after 2, 4
        and 8 seconds or what the server asks for, up to a minute.

        Args:
            url: of the data.
            file: to write to; what it held goes.
            check: looks at what was written: an answer of which something is missing counts as cut short. It is told
                whether the end is proven, by a length or by chunks; where it is not, the end of the connection may be
                anything.

        Raises:
            FetchError: in the server's own words where it has any.
        """
        for attempt in range(1, ATTEMPTS + 1):
            file.seek(0)
            file.truncate()
            try:
                proven = self._once(url, file)
                lacking = check(file, proven)
                if lacking is None:
                    return
                raise _TryAgainError(f"the answer was cut short: {lacking}")
            except _TryAgainError as error:
                if attempt == ATTEMPTS:
                    raise FetchError(f"{_host(url)}: {error}, {ATTEMPTS} times; try again later") from None
                wait = min(
                    _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) if error.wait is None else error.wait, _MAX_PAUSE_SECONDS
                )
                self.tell(f"{_host(url)}: {error}; asked again in {wait:.0f} s")
                self.pause(wait)

    def _once(self, url: str, file: BinaryIO) -> bool:
        """Write what the server answers; returns whether its end is proven."""
        try:
            with self.client.stream("GET", url) as response:
                if response.status_code != 200:
                    _refuse(response)
                _write(response, file)
                proven = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
        except httpx.TimeoutException:
            raise _TryAgainError("no answer in time") from None
        except httpx.TooManyRedirects:
            raise FetchError(f"{_host(url)} sends every request on to another; check --erddap") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise FetchError(f"{url[:60]!r} is no address of a server; write it as https://…/erddap") from None
        except httpx.HTTPError as error:
            raise _TryAgainError(f"the connection failed ({error or type(error).__name__})") from None
        _refuse_what_is_no_csv(url, file)
        return proven


def _write(response: httpx.Response, file: BinaryIO) -> None:
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > MAX_TEXT:
            raise FetchError(f"the answer is over {MAX_TEXT >> 20} MiB; ask for a shorter time or one place")
        file.write(chunk)


def _refuse(response: httpx.Response) -> None:
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _MAX_ERROR_BYTES:
            break
    text = body.decode("utf-8", "replace")
    status = response.status_code
    said = erddap_error(text) or _plain(text) or response.reason_phrase
    if status in _BUSY:
        raise _TryAgainError(f"the server answered {status}: {said}", _retry_after(response))
    if "no matching results" in said:
        said += f"; {EMPTY_REMEDY}"
    elif "unknown datasetID" in said:
        said += "; check --dataset"
    raise FetchError(f"{_host(str(response.url))} answered {status}: {said}")


def _plain(text: str) -> str:
    """What a page of HTML says first, or the beginning of a text."""
    title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    said = title[1] if title else ("" if "<" in text[:100] else text[:200])
    return " ".join(said.split())


def _retry_after(response: httpx.Response) -> float | None:
    written = response.headers.get("Retry-After", "")
    if written.isdecimal():
        return float(written)
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(written).timestamp() - time.time())
    return None


def _refuse_what_is_no_csv(url: str, file: BinaryIO) -> None:
    file.seek(0)
    head = file.read(_EDGE_BYTES).decode("utf-8", "replace")
    if head.lstrip()[:1] == "<":
        said = _plain(head) or "without a title"
        raise FetchError(f"{_host(url)} answered with a web page ({said}), not data; is --erddap an ERDDAP server?")
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _EDGE_BYTES))
    tail = file.read().decode("utf-8", "replace")
    # What goes wrong after the first rows stands below the last of them.
    begin = max(tail.rfind("\nError {"), 0)
    message = erddap_error(head) or erddap_error(tail[begin:])
    if message is not None:
        code = re.search(r"code=(\d+);", tail[begin:])
        if code is not None and int(code[1]) in _BUSY:
            raise _TryAgainError(f"the server answered {code[1]}: {message}")
        raise FetchError(f"{_host(url)}: {message}")
    if not tail.endswith("\n"):
        raise _TryAgainError("the answer was cut short")


def _host(url: str) -> str:
    return url.split("/")[2] if url.count("/") > 1 else url[:60]


@contextmanager
def whole(target: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when the block ends well, and leaves nothing when it does not.

    Raises:
        FetchError: if it cannot be written.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("x+b") as file:
            yield file
        part.replace(target)
    except OSError as error:
        raise FetchError(f"{target} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink()


def write_json(target: Path, content: dict[str, Any]) -> None:
    """Write plain values as JSON, whole or not at all."""
    with whole(target) as file:
        file.write((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
