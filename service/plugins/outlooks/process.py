"""Reads the folder of outlooks in a process of its own, which a slow disk or a damaged file may hold up.

    python -m service.plugins.outlooks.process FOLDER

reads one question after another from standard input, each a line of JSON: the name of a function of
:mod:`service.plugins.outlooks.answers` and its arguments. To each it writes a line of JSON, an :class:`Answer`, and
then the content.
"""

import json
import logging
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from forecasting.errors import MissingExtraError, UnknownNameError
from forecasting.process_limits import limit_memory, take_output
from service.plugins.outlooks import answers

MODULE: Final = "service.plugins.outlooks.process"
"""What a parent runs with ``python -m``."""

_MEMORY: Final = 2**30
"""Bytes of memory for the process; a small file can claim to hold a billion values."""
_FUNCTIONS: Final = {function.__name__: function for function in (answers.maps, answers.point, answers.raster)}
_PACKAGES: Final = ("xarray", "h5netcdf", "scipy.io")
_LONGEST_LINE, _MOST_LINES = 1_000, 20


@dataclass(frozen=True)
class Answer:
    """What comes before the content."""

    status: int
    detail: str
    log: list[str]
    size: int


class _Lines(logging.Handler):
    """Collects what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record)[:_LONGEST_LINE])


def _answer(folder: Path, function: str, arguments: dict[str, Any]) -> tuple[HTTPStatus, str, bytes]:
    try:
        return HTTPStatus.OK, "", _FUNCTIONS[function](folder, **arguments)
    except UnknownNameError as error:
        return HTTPStatus.NOT_FOUND, str(error), b""
    except MissingExtraError as error:
        return HTTPStatus.NOT_IMPLEMENTED, str(error), b""


def main() -> None:
    """Answer questions until standard input ends."""
    out = take_output()
    # Ctrl+C is for the service, which lets its requests finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory(_MEMORY)
    collected = _Lines()
    logging.getLogger("service").addHandler(collected)
    with suppress(ImportError):
        # Now, so that the time for an answer is that of reading.
        for package in _PACKAGES:
            import_module(package)
    folder = Path(sys.argv[1])
    for line in sys.stdin.buffer:
        status, detail, content = _answer(folder, *json.loads(line))
        answer = Answer(status, detail, collected.lines[:_MOST_LINES], len(content))
        collected.lines.clear()
        out.write(json.dumps(asdict(answer)).encode() + b"\n" + content)
        out.flush()


if __name__ == "__main__":
    main()
