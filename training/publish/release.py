"""Releases on disk: staging, publishing by rename, pruning and rolling back."""

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.errors import ReleaseError, UnknownNameError
from forecasting.networks.metadata import digest
from forecasting.releases.current import UNFINISHED, point_current
from forecasting.releases.release import (
    MANIFEST,
    Manifest,
    ManifestEntry,
    Release,
    current_version,
    dataset_names,
    signed_releases,
    versions,
)
from forecasting.releases.signatures import SIGNATURES
from forecasting.releases.trusted_keys import TrustedKeys
from forecasting.wording import available
from training.publish.signing import numbers, sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["next_version", "point_current", "prune", "publish", "reseal", "rollback", "seal", "staging"]

logger = logging.getLogger("training")


def next_version(dataset: Path, now: datetime | None = None) -> str:
    """The version for a release made ``now``, which sorts after every version and number of ``dataset``."""
    moment = now or datetime.now(UTC)
    existing = sorted([*versions(dataset), *numbers(dataset)])
    while existing and f"{moment:%Y%m%dT%H%M%SZ}" <= existing[-1]:
        moment = datetime.strptime(existing[-1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(seconds=1)
    return f"{moment:%Y%m%dT%H%M%SZ}"


@contextmanager
def staging(dataset: Path) -> Iterator[Path]:
    """An empty folder to write a release into, removed at the end of the block unless it was published.

    It is created beside the releases, so that a rename can publish it, and locked while in use. Folders without a lock
    were left behind by killed processes; this removes them.
    """
    existed = dataset.exists()
    dataset.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(dataset)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=dataset))
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
    for entry in dataset.glob(f"{UNFINISHED}*"):
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
    """Seal ``folder`` and rename it to its version; returns the new path. The release does not serve yet.

    Raises:
        ReleaseError: if the version exists.
    """
    seal(folder, dataset.name, version)
    folder.chmod(0o755)
    target = dataset / version
    try:
        folder.rename(target)
    except OSError as error:
        raise ReleaseError(f"cannot publish {target}: {error.strerror}") from None
    return target


def seal(folder: Path, dataset: str, version: str) -> None:
    """Write the manifest of a release, with the digest of every other file in ``folder``."""
    files = {
        str(file.relative_to(folder)): ManifestEntry(sha256=digest(content := file.read_bytes()), bytes=len(content))
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in (MANIFEST, SIGNATURES)
    }
    manifest = Manifest(dataset=dataset, version=version, files=files)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def reseal(release: Release) -> None:
    """Write the manifest of a published release again, after files of it were rewritten. This makes signatures void."""
    seal(release.path, release.dataset, release.version)
    signatures = release.path / SIGNATURES
    if signatures.exists():
        signatures.unlink()
        logger.warning(
            "%s has changed since it was signed: sign it again with sst release sign %s --key FILE",
            release.path,
            release.path,
        )


def prune(dataset: Path, keep: int, new: str | None = None) -> list[str]:
    """Remove old releases except the ``keep`` newest, the one that serves and ``new``; returns the removed versions."""
    spared = {current_version(dataset), new}
    old = [version for version in versions(dataset) if version not in spared]
    removed = old[: max(len(old) - keep, 0)]
    for version in removed:
        shutil.rmtree(dataset / version)
    return removed


def rollback(
    artifacts: Path,
    name: str,
    version: str | None = None,
    trusted: TrustedKeys | None = None,
    key: "Ed25519PrivateKey | None" = None,
) -> str:
    """Make another release serve; returns its version.

    Args:
        artifacts: folder of all releases.
        name: of the dataset.
        version: of the release; the one before the current if None.
        trusted: keys that must have signed the release and the rollback; None to accept any release.
        key: signs the rollback: the release gets a number after those of all others. None to sign nothing.

    Raises:
        UnknownNameError: if the dataset or version does not exist.
        ReleaseError: if no release is older than the current one, or no trusted key signed the release or the rollback.
    """
    if name not in dataset_names(artifacts):
        raise UnknownNameError(f"no dataset {name!r} in {artifacts}; {available(dataset_names(artifacts))}")
    dataset = artifacts / name
    existing = versions(dataset)
    if version is None:
        older = [candidate for candidate in existing if candidate < (current_version(dataset) or "")]
        if not older:
            raise ReleaseError(f"{dataset} has no release older than the one that serves")
        version = older[-1]
    elif version not in existing:
        raise UnknownNameError(f"no release {version!r} of {name}; {available(existing)}")
    if key is not None:
        sign(dataset / version, key, next_version(dataset))
    if trusted is not None:
        Release.open(dataset / version, trusted).refuse_if_older(signed_releases(dataset, trusted))
    point_current(dataset, version)
    return version
