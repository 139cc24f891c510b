"""The identity of a run: what its output depends on. A run that was cut off is gone on with by the same plan only."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from forecasting.errors import FileError
from forecasting.readers import content_digest
from scoring.errors import ScoringError
from scoring.source import inside

_LIBRARIES: Final = ("torch", "numpy", "pyarrow", "xarray", "zarr", "h5netcdf")


@dataclass(frozen=True)
class Plan:
    """All that decides what is written, and nothing else: neither times, nor who scores the chunks.

    Attributes:
        input_sha256: of all files of the input.
        model: full name, as ``nino12-gru``.
        version: of its release.
        model_sha256: of the checkpoint.
        horizon: leads.
        levels: of intervals, percent.
        chunk: cells, or rows, of a chunk.
        output: kind of file.
        device: that the model runs on.
        reading: how the input is read, where the user said so.
        libraries: versions of those that have a say in the bytes.
    """

    input_sha256: str
    model: str
    version: str
    model_sha256: str
    horizon: int
    levels: tuple[int, ...]
    chunk: int
    output: str
    device: str
    reading: dict[str, object]
    libraries: dict[str, str]

    def to_json(self) -> str:
        """Readable, and the same for the same plan."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    def differences(self, begun: str) -> list[str]:
        """In what the plan in JSON differs from this one, in words."""
        now = json.loads(self.to_json())
        try:
            then = json.loads(begun)
        except ValueError:
            return ["its plan cannot be read"]
        return list(_differences(then, now))


_WORDS: Final = {"input_sha256": "the input", "model_sha256": "the checkpoint", "version": "the release of the model"}


def _differences(then: dict[str, object], now: dict[str, object]) -> Iterator[str]:
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) == now.get(name):
            continue
        if name.endswith("sha256"):
            yield f"{_WORDS[name]} has changed"
        else:
            yield f"{_WORDS.get(name, name)} was {then.get(name)} and is {now.get(name)}"


def installed() -> dict[str, str]:
    """Versions of the libraries that have a say in what is written."""
    return {name: version(name) for name in _LIBRARIES}


@dataclass(frozen=True)
class Fingerprint:
    """An input as it was when it was looked at.

    Attributes:
        files: that it consists of; one may be a folder.
        sha256: of their content.
        stamps: size and time of change of each file.
    """

    files: tuple[Path, ...]
    sha256: str
    stamps: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, files: tuple[Path, ...]) -> "Fingerprint":
        """Read all of ``files``, some of which may be folders.

        Raises:
            FileError: if it cannot be read.
        """
        try:
            stamps = _stamps(files)
            return cls(files, _digest(files), stamps)
        except OSError as error:
            raise FileError(f"{error.filename or files[0]}: cannot be read: {error.strerror or error}") from None

    def check(self) -> None:
        """Whether the files are still as they were.

        Raises:
            ScoringError: if it was changed meanwhile.
        """
        now = _stamps(self.files)
        changed = sorted({name for name, *_ in set(now) ^ set(self.stamps)})
        if changed:
            raise ScoringError(f"{changed[0]} changed while it was read; start again when it is complete")


def _digest(files: tuple[Path, ...]) -> str:
    if len(files) == 1:
        return content_digest(files[0])
    whole = b"".join(os.fsencode(f"{file.name}\n{content_digest(file)}\n") for file in files)
    return hashlib.sha256(whole).hexdigest()


def _stamps(files: tuple[Path, ...]) -> tuple[tuple[str, int, int], ...]:
    stats = [(str(one), one.stat()) for file in files for one in inside(file)]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
