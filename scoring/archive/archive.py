"""An archive of issued forecasts: a folder of Parquet files that only grows.

    archive.parquet/issued_month=2026-11/20261127T060003512Z-0f3a5c….parquet

Each run adds one file, named by the time of issue and the key of its job. A file appears by a rename once it is
complete, and nothing is ever replaced.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from scoring.errors import ScoringError
from scoring.source import inside
from scoring.work.folder import WorkFolder, flush
from scoring.work.plan import Plan

PARTITION: Final = "issued_month"
"""Each month of issue has its own folder, so that a reader can skip the others."""

_OTHER_FORMATS: Final = (".csv", ".nc", ".nc4", ".zarr")
_NOT_THE_JOB: Final = ("chunk", "output", "device", "libraries")
"""Attributes of a plan that say how a job is done, not what it is."""


@dataclass(frozen=True)
class Archive:
    """The folder of an archive, which need not exist yet."""

    path: Path

    @classmethod
    def to_extend(cls, path: Path) -> "Archive":
        """Return the archive at ``path``.

        Raises:
            ScoringError: if nothing can be added there.
        """
        if path.suffix.lower() in _OTHER_FORMATS:
            raise ScoringError(f"{path}: an archive is a folder of Parquet files; name it {path.stem}.parquet")
        if not path.absolute().parent.is_dir():
            raise ScoringError(f"{path}: the folder {path.absolute().parent} does not exist; create it first")
        if path.exists() and not path.is_dir():
            raise ScoringError(f"{path} is a file, and --append adds to a folder of Parquet files; choose another name")
        archive = cls(path)
        if path.is_dir() and any(path.iterdir()) and not archive.files():
            raise ScoringError(f"{path} is a folder with other files; choose another name")
        return archive

    def files(self) -> list[Path]:
        """Return the files of all runs, in the order of issue."""
        return [file for file in inside(self.path) if _is_added(file, self.path)] if self.path.is_dir() else []

    def file_of(self, key: str) -> Path | None:
        """Return the file of the job with this key, if it has been added."""
        return next((file for file in self.files() if file.stem.endswith(f"-{key}")), None)

    def add(self, complete: Path, issued: np.datetime64, key: str, work: WorkFolder) -> Path:
        """Move the ``complete`` file of a run into the archive, unless the same job has been added already.

        Args:
            complete: a file in the work folder.
            issued: time of issue.
            key: of the job.
            work: the work folder.

        Returns:
            The path of the file in the archive.
        """
        with self._locked():
            added = self.file_of(key)
            if added is not None:
                return added
            stamp = re.sub(r"[-:.]", "", str(issued.astype("datetime64[ms]")))
            file = self.path / f"{PARTITION}={issued.astype('datetime64[M]')}" / f"{stamp}Z-{key}.parquet"
            file.parent.mkdir(exist_ok=True)
            flush(self.path)
            work.place(complete, file)
            return file

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one run at a time add its file; the folder exists from now on."""
        self.path.mkdir(exist_ok=True)
        flush(self.path.absolute().parent)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _is_added(file: Path, archive: Path) -> bool:
    return file.suffix == ".parquet" and file.parent.parent == archive and file.parent.name.startswith(f"{PARTITION}=")


def key_of(plan: Plan) -> str:
    """Return the key of a job: the same for the same input, model, horizon, levels and events."""
    job = {name: value for name, value in asdict(plan).items() if name not in _NOT_THE_JOB}
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:16]
