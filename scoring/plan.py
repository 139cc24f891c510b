"""The identity of a run: everything its output depends on. Only a run with the same plan can resume another."""

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
    """Everything that determines the output, and nothing else.

    Attributes:
        input_sha256: digest of all input files.
        model: full name, such as ``nino12-gru``.
        version: version of the release.
        model_sha256: digest of the checkpoint.
        horizon: number of leads.
        levels: levels of the prediction intervals, percent.
        chunk: cells or rows per chunk.
        output: output format.
        device: device that the model runs on.
        reading: reading options that the user set.
        libraries: versions of the libraries that affect the output.
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
        """Return the plan as JSON, with sorted keys."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    def differences(self, begun: str) -> list[str]:
        """Describe each difference between this plan and the one in ``begun`` (JSON)."""
        now = json.loads(self.to_json())
        try:
            then = json.loads(begun)
        except ValueError:
            return ["its plan is unreadable"]
        return list(_differences(then, now))


_WORDS: Final = {"input_sha256": "the input", "model_sha256": "the checkpoint", "version": "the release of the model"}


def _differences(then: dict[str, object], now: dict[str, object]) -> Iterator[str]:
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) == now.get(name):
            continue
        if name.endswith("sha256"):
            yield f"{_WORDS[name]} has changed"
        else:
            yield f"{_WORDS.get(name, name)} was {then.get(name)} and is now {now.get(name)}"


def installed() -> dict[str, str]:
    """Return the versions of the libraries that affect the output."""
    return {name: version(name) for name in _LIBRARIES}


@dataclass(frozen=True)
class Fingerprint:
    """The state of an input at one moment.

    Attributes:
        files: files and folders of the input.
        sha256: digest of their content.
        stamps: name, size and modification time of each file.
    """

    files: tuple[Path, ...]
    sha256: str
    stamps: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, files: tuple[Path, ...]) -> "Fingerprint":
        """Return the fingerprint of ``files``, some of which may be folders.

        Raises:
            FileError: if a file cannot be read.
        """
        try:
            stamps = _stamps(files)
            return cls(files, _digest(files), stamps)
        except OSError as error:
            raise FileError(f"{error.filename or files[0]}: cannot read it: {error.strerror or error}") from None

    def check(self) -> None:
        """Raise ScoringError if a file has changed since the fingerprint was taken."""
        now = _stamps(self.files)
        changed = sorted({name for name, *_ in set(now) ^ set(self.stamps)})
        if changed:
            raise ScoringError(f"{changed[0]} changed while it was being read; run again when it is complete")


def _digest(files: tuple[Path, ...]) -> str:
    if len(files) == 1:
        return content_digest(files[0])
    digests = b"".join(os.fsencode(f"{file.name}\n{content_digest(file)}\n") for file in files)
    return hashlib.sha256(digests).hexdigest()


def _stamps(files: tuple[Path, ...]) -> tuple[tuple[str, int, int], ...]:
    stats = [(str(inner), inner.stat()) for file in files for inner in inside(file)]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
