"""Releases on disk: staged, published by a rename, pruned, rolled back."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from forecasting.errors import ReleaseError, UnknownNameError
from forecasting.networks.metadata import digest
from forecasting.releases.release import (
    CURRENT,
    MANIFEST,
    Manifest,
    ManifestEntry,
    current_version,
    dataset_names,
    versions,
)
from forecasting.wording import available

_STAGING: Final = ".publishing-"


def next_version(dataset: Path, now: datetime | None = None) -> str:
    """A version of this second that sorts after every one there is."""
    moment = now or datetime.now(UTC)
    taken = versions(dataset)
    while taken and f"{moment:%Y%m%dT%H%M%SZ}" <= taken[-1]:
        moment = datetime.strptime(taken[-1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(seconds=1)
    return f"{moment:%Y%m%dT%H%M%SZ}"


@contextmanager
def staging(dataset: Path) -> Iterator[Path]:
    """A folder to fill, beside the releases so that a rename can publish it; gone afterwards, whatever happens.

    It is locked while it is in use, so that one whose process was killed is known by its lock, and removed here.
    """
    existed = dataset.exists()
    dataset.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(dataset)
    folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=dataset))
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)
        if not existed and not any(dataset.iterdir()):
            dataset.rmdir()


def _remove_abandoned(dataset: Path) -> None:
    for entry in dataset.glob(f"{_STAGING}*"):
        lock = os.open(entry, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def publish(folder: Path, dataset: Path, version: str) -> Path:
    """Seal ``folder`` with a manifest and give it its name; it does not serve yet.

    Raises:
        ReleaseError: if the version exists.
    """
    files = {
        file.name: ManifestEntry(sha256=digest(content := file.read_bytes()), bytes=len(content))
        for file in sorted(folder.iterdir())
    }
    manifest = Manifest(dataset=dataset.name, version=version, files=files)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    folder.chmod(0o755)
    target = dataset / version
    try:
        folder.rename(target)
    except OSError as error:
        raise ReleaseError(f"{target} cannot be published: {error.strerror}") from None
    return target


def point_current(dataset: Path, version: str) -> None:
    """Make ``version`` the one that serves, at once or not at all."""
    handle, name = tempfile.mkstemp(prefix=_STAGING, dir=dataset)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(version + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(dataset / CURRENT)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def prune(dataset: Path, keep: int, new: str | None = None) -> list[str]:
    """Remove all but the ``keep`` newest releases besides the one that serves and ``new``; returns those removed."""
    spared = {current_version(dataset), new}
    old = [version for version in versions(dataset) if version not in spared]
    removed = old[: max(len(old) - keep, 0)]
    for version in removed:
        shutil.rmtree(dataset / version)
    return removed


def rollback(artifacts: Path, name: str, version: str | None = None) -> str:
    """Make an older release serve: ``version``, or the one before the current.

    Raises:
        UnknownNameError: if there is no such dataset or version.
        ReleaseError: if there is nothing to go back to.
    """
    if name not in dataset_names(artifacts):
        raise UnknownNameError(f"no dataset {name!r} in {artifacts}; {available(dataset_names(artifacts))}")
    dataset = artifacts / name
    there = versions(dataset)
    if version is None:
        before = [one for one in there if one < (current_version(dataset) or "")]
        if not before:
            raise ReleaseError(f"{dataset} holds no release older than the one that serves")
        version = before[-1]
    elif version not in there:
        raise UnknownNameError(f"no release {version!r} of {name}; {available(there)}")
    point_current(dataset, version)
    return version
