"""Copying releases to another place, and from one."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forecasting.disk import locked, move_whole, write_whole
from forecasting.errors import ReleaseError
from forecasting.models.metadata import digest
from forecasting.releases.release import (
    CURRENT,
    MANIFEST,
    Manifest,
    ManifestEntry,
    Release,
    is_dataset_name,
    is_version,
    point_current,
    refuse_if_older,
    signed_releases,
)
from forecasting.releases.remote.remote_folder import RemoteFolder
from forecasting.releases.trust import SIGNATURES, TrustedKeys, read_signatures

UNFINISHED: Final = ".pulling-"
"""Prefix of the names of releases that are not complete."""


@dataclass(frozen=True)
class Copied:
    """What a copy of a release did."""

    location: str
    files: int
    copied: int


def push(folder: Path, artifacts: RemoteFolder, *, make_current: bool) -> Copied:
    """Copy the release in ``folder`` to a remote artifacts folder: files first, then the manifest and its signatures.

    A copy that was interrupted continues where it stopped. No reader sees half a release: the manifest comes after the
    files, and the release serves only once ``current`` names it, which ``make_current`` asks for.
    """
    release = Release.open(folder)
    for name in release.manifest.files:
        release.read(name)
    path, manifest = f"{release.dataset}/{release.version}", (folder / MANIFEST).read_bytes()
    published = artifacts.find(f"{path}/{MANIFEST}")
    if published not in (None, manifest):
        raise ReleaseError(
            f"{artifacts.shown(path)} already holds a different release: a version never changes, so publish a new "
            "one and push it"
        )
    files = release.manifest.files
    missing = [name for name, entry in files.items() if _fetched(artifacts, f"{path}/{name}", entry) is None]
    for name in missing:
        artifacts.write(f"{path}/{name}", release.read(name))
    if published is None:
        artifacts.write(f"{path}/{MANIFEST}", manifest)
    signatures = read_signatures(folder)
    if signatures is not None and artifacts.find(f"{path}/{SIGNATURES}") != signatures:
        artifacts.write(f"{path}/{SIGNATURES}", signatures)
    if make_current:
        artifacts.write(f"{release.dataset}/{CURRENT}", f"{release.version}\n".encode())
    return Copied(artifacts.shown(path), len(files), len(missing))


def _fetched(artifacts: RemoteFolder, path: str, entry: ManifestEntry) -> bytes | None:
    """Return the content of a file; None if it is not what the manifest lists."""
    # Nothing of another size is read: it may be larger than the memory.
    content = artifacts.find(path, entry.bytes) if artifacts.size(path) == entry.bytes else None
    return content if content is not None and digest(content) == entry.sha256 else None


@dataclass(frozen=True)
class RemoteRelease:
    """A release in a remote artifacts folder."""

    artifacts: RemoteFolder
    dataset: str
    version: str

    @property
    def path(self) -> str:
        """Path of the release in the artifacts folder."""
        return f"{self.dataset}/{self.version}"

    @property
    def url(self) -> str:
        """URL of the release, for messages."""
        return self.artifacts.shown(self.path)

    def find(self, name: str) -> bytes | None:
        """Return the manifest, or its signatures; None if the release has none."""
        return self.artifacts.find(f"{self.path}/{name}")


def remote_releases(url: str) -> list[RemoteRelease]:
    """Return the releases that ``url`` means."""
    folder = RemoteFolder.open(url)
    if is_version(folder.name) and is_dataset_name(folder.parent.name):
        return [RemoteRelease(folder.parent.parent, folder.parent.name, folder.name)]
    if is_dataset_name(folder.name) and (current := current_release(folder.parent, folder.name)):
        return [current]
    found = (current_release(folder, name) for name in folder.folders() if is_dataset_name(name))
    releases = [release for release in found if release is not None]
    if not releases:
        raise ReleaseError(f"{folder.url} holds no release: name a release, a dataset or a folder that was pushed to")
    return releases


def current_release(artifacts: RemoteFolder, dataset: str) -> RemoteRelease | None:
    """Return the current release of a dataset; None if it has none."""
    content = artifacts.find(f"{dataset}/{CURRENT}")
    if content is None:
        return None
    version = content.decode(errors="replace").strip()
    if not is_version(version):
        raise ReleaseError(f"{artifacts.shown(dataset)}/{CURRENT} does not name a version: {version[:40]!r}")
    return RemoteRelease(artifacts, dataset, version)


def pull(
    release: RemoteRelease,
    artifacts: Path,
    trusted: TrustedKeys | None = None,
    *,
    make_current: bool,
    replace: bool = False,
) -> Copied:
    """Copy a release to a local artifacts folder, and check every file.

    The copy is made beside the releases and gets its name at the end, so no program sees half of it. A copy that was
    interrupted goes on where it ended, unless another release of the dataset was pulled since.
    """
    content, signatures = release.find(MANIFEST), release.find(SIGNATURES)
    if content is None:
        raise ReleaseError(f"{release.url} is not a complete release: it has no {MANIFEST}; push the release again")
    rollback = None if trusted is None else trusted.check(content, signatures, release.url)
    manifest = Manifest.parse(content, release.url)
    if (manifest.dataset, manifest.version) != (release.dataset, release.version):
        raise ReleaseError(
            f"{release.url}: the manifest belongs to {manifest.dataset[:64]} {manifest.version[:64]}: push the release "
            "again"
        )
    dataset = artifacts / release.dataset
    target = dataset / release.version
    if trusted is not None and (make_current or replace):
        refuse_if_older(target, rollback or manifest.version, signed_releases(dataset, trusted))
    try:
        dataset.mkdir(parents=True, exist_ok=True)
        with locked(dataset):
            copied = _copy(release, manifest, content, signatures, target, replace=replace)
            _remove_unfinished(dataset)
            if make_current:
                point_current(dataset, release.version)
    except OSError as error:
        raise ReleaseError(f"cannot write to {dataset}: {error.strerror or error}") from None
    return Copied(str(target), len(manifest.files), copied)


def remove_unfinished(dataset: Path) -> None:
    """Remove what interrupted copies have left in the folder of a dataset, after waiting for a process that copies."""
    with locked(dataset):
        _remove_unfinished(dataset)


def _remove_unfinished(dataset: Path) -> None:
    """Remove what interrupted copies have left. The folder is locked, so no process is writing to it."""
    for unfinished in dataset.glob(f"{UNFINISHED}*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy(
    release: RemoteRelease, manifest: Manifest, content: bytes, signatures: bytes | None, target: Path, *, replace: bool
) -> int:
    """Make the local copy; returns the number of files that were fetched."""
    unfinished = target.with_name(f"{UNFINISHED}{target.name}")
    if _is_copy(target, manifest, content):
        if signatures is not None and read_signatures(target) != signatures:
            write_whole(target / SIGNATURES, signatures)
        return 0
    if target.exists():
        if not replace:
            raise ReleaseError(
                f"{target} differs from {release.url}: remove the folder to pull it again, if it was damaged"
            )
        shutil.rmtree(unfinished, ignore_errors=True)
        # What has not changed need not be fetched again.
        target.rename(unfinished)
    missing = [name for name, entry in manifest.files.items() if not _matches(unfinished / name, entry)]
    for name in missing:
        (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(unfinished / name, _fetch(release, name, manifest.files[name]))
    write_whole(unfinished / MANIFEST, content)
    listed = {MANIFEST, *manifest.files}
    if signatures is not None:
        write_whole(unfinished / SIGNATURES, signatures)
        listed.add(SIGNATURES)
    for path in unfinished.rglob("*"):
        # Files of an interrupted copy, or of the release that this one replaces.
        if path.is_file() and str(path.relative_to(unfinished)) not in listed:
            path.unlink()
    move_whole(unfinished, target)
    return len(missing)


def _is_copy(folder: Path, manifest: Manifest, content: bytes) -> bool:
    try:
        if (folder / MANIFEST).read_bytes() != content:
            return False
    except OSError:
        return False
    return all(_matches(folder / name, entry) for name, entry in manifest.files.items())


def _matches(file: Path, entry: ManifestEntry) -> bool:
    try:
        return file.stat().st_size == entry.bytes and digest(file.read_bytes()) == entry.sha256
    except OSError:
        return False


def _fetch(release: RemoteRelease, name: str, entry: ManifestEntry) -> bytes:
    path = f"{release.path}/{name}"
    content = _fetched(release.artifacts, path, entry)
    if content is not None:
        return content
    if release.artifacts.size(path) is None:
        raise ReleaseError(f"{release.url} has no {name}: push the release again")
    raise ReleaseError(f"{release.url}/{name} differs from the manifest: push the release again")
