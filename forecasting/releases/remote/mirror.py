"""A local copy of the current releases in another place, which several processes share."""

import os
import shutil
import time
from pathlib import Path
from typing import Final

from forecasting.disk import locked
from forecasting.errors import ReleaseError, RemoteError
from forecasting.models.metadata import digest
from forecasting.releases.release import (
    CURRENT,
    MANIFEST,
    current_version,
    dataset_names,
    is_dataset_name,
    point_current,
    versions,
)
from forecasting.releases.remote.copies import UNFINISHED, RemoteRelease, current_release, pull, remove_unfinished
from forecasting.releases.remote.remote_folder import RemoteFolder
from forecasting.releases.trust import SIGNATURES, TrustedKeys, read_signatures

VARIABLE: Final = "SST_ARTIFACTS_CACHE"
"""The environment variable that names another folder for local copies."""

_LOCK: Final = ".lock"
_LAST_COPY: Final = ".last-copy"
"""When the last copy ended, by the time of the file, and why it failed; empty if it did not."""

_KEPT: Final = 5
"""Releases of a dataset that the copy keeps: processes may still read files of those that they serve."""


def default_cache() -> Path:
    """Return the folder for local copies: ``sst-forecasting`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sst-forecasting"
    except RuntimeError:
        raise ReleaseError(f"there is no folder for the release cache: set {VARIABLE} to one") from None


def chosen_cache() -> Path:
    """Return the folder that :data:`VARIABLE` names, or else the default; raise ReleaseError as that does."""
    named = os.environ.get(VARIABLE, "")
    return Path(named) if named else default_cache()


class Mirror:
    """A local copy of the current releases in another place."""

    def __init__(self, url: str, cache: Path, trusted: TrustedKeys | None = None) -> None:
        """Mirror the artifacts folder at ``url`` in a folder of ``cache``, which may hold mirrors of other places.

        With ``trusted`` keys, only releases that one of them signed are copied, and none that is older than the copy.
        """
        self._remote = RemoteFolder.open(url)
        self.url = self._remote.url
        server = self._remote.server
        origin = url.rstrip("/") if server is None else f"{url.rstrip('/')} {server}"
        self.folder = cache.absolute() / digest(origin.encode())[:16]
        self._trusted = trusted
        self._checked: set[str] = set()
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    @property
    def is_empty(self) -> bool:
        """Whether the copy holds no release yet."""
        return not dataset_names(self.folder)

    def refresh(self, seconds: float, *, wait: bool = False) -> None:
        """Copy what is current, unless a process has tried within the last ``seconds``.

        Every file is checked before the copy of a release becomes current. If one dataset cannot be copied, the others
        are; the local release of that dataset stays.
        """
        try:
            lock = self.folder / _LOCK
            lock.touch()
            with locked(lock, None if wait else 0) as is_held:
                if not is_held or self._is_fresh(seconds):
                    return
                try:
                    self._copy()
                except ReleaseError as error:
                    (self.folder / _LAST_COPY).write_text(str(error))
                    raise
                (self.folder / _LAST_COPY).write_text("")
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def _is_fresh(self, seconds: float) -> bool:
        """Return whether the last copy is recent; raise RemoteError if it is, and failed."""
        try:
            age = time.time() - (self.folder / _LAST_COPY).stat().st_mtime
            problem = (self.folder / _LAST_COPY).read_text()
        except OSError:
            return False
        if not 0 <= age < seconds:
            return False
        if problem:
            raise RemoteError(problem)
        return True

    def _copy(self) -> None:
        published, problems = set(), []
        for dataset in filter(is_dataset_name, self._remote.folders()):
            try:
                release = current_release(self._remote, dataset)
                if release is not None:
                    published.add(dataset)
                    self._follow(release)
            except RemoteError:
                raise
            except ReleaseError as error:
                published.add(dataset)
                problems.append(error)
        if problems:
            raise problems[0]
        if not published:
            raise RemoteError(f"{self.url} holds no release: push one with sst release push, or correct the URL")
        for dataset in set(dataset_names(self.folder)) - published:
            (self.folder / dataset / CURRENT).unlink(missing_ok=True)
        for unfinished in self.folder.glob(f"*/{UNFINISHED}*"):
            remove_unfinished(unfinished.parent)

    def _follow(self, release: RemoteRelease) -> None:
        """Make ``release`` the current one of the copy."""
        dataset = self.folder / release.dataset
        changes = current_version(dataset) != release.version
        if changes or release.path not in self._checked or not self._is_unchanged(release):
            pull(release, self.folder, self._trusted, make_current=False, replace=True)
            self._checked.add(release.path)
        if changes:
            os.utime(dataset / release.version)
            point_current(dataset, release.version)
            # Remove those that were current longest ago.
            folders = (dataset / version for version in versions(dataset))
            for folder in sorted(folders, key=lambda folder: folder.stat().st_mtime)[:-_KEPT]:
                shutil.rmtree(folder, ignore_errors=True)

    def _is_unchanged(self, release: RemoteRelease) -> bool:
        """Return whether manifest and signatures of the copy, which was checked before, are those of ``release``."""
        folder = self.folder / release.path
        manifest, signatures = release.find(MANIFEST), release.find(SIGNATURES)
        try:
            return (folder / MANIFEST).read_bytes() == manifest and signatures in (None, read_signatures(folder))
        except FileNotFoundError:
            # Removed since, as one of the oldest or by hand.
            return False


def _unwritable(folder: Path, error: OSError) -> ReleaseError:
    reason = error.strerror or str(error)
    return ReleaseError(f"cannot use the release cache {folder}: {reason}; set {VARIABLE} to another folder")
