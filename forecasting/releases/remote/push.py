"""Copying a release to another place."""

from dataclasses import dataclass
from pathlib import Path

from forecasting.errors import ReleaseError
from forecasting.models.metadata import digest
from forecasting.releases.release import CURRENT, MANIFEST, ManifestEntry, Release
from forecasting.releases.remote.remote_folder import RemoteFolder
from forecasting.releases.trust import SIGNATURES, read_signatures


@dataclass(frozen=True)
class Copied:
    """What a copy of a release did.

    Attributes:
        place: path or URL of the copy.
        files: number of files that the manifest lists.
        copied: number of them that were copied; the others were there already.
    """

    place: str
    files: int
    copied: int


def push(folder: Path, artifacts: RemoteFolder, *, make_current: bool) -> Copied:
    """Copy the release in ``folder`` to a remote artifacts folder: files first, then the manifest and its signatures.

    A copy that was interrupted continues where it stopped. No reader sees half a release: the manifest comes after the
    files, and the release serves only once ``current`` names it.

    Args:
        folder: of the release.
        artifacts: the remote artifacts folder.
        make_current: whether the release serves from then on.

    Raises:
        ReleaseError: if the release differs from its manifest, or the place holds another release of this version.
        RemoteError: if the place cannot be read or written.
    """
    release = Release.open(folder)
    for name in release.manifest.files:
        release.read(name)
    place, manifest = f"{release.dataset}/{release.version}", (folder / MANIFEST).read_bytes()
    published = artifacts.find(f"{place}/{MANIFEST}")
    if published not in (None, manifest):
        raise ReleaseError(
            f"{artifacts.shown(place)} already holds a different release: a version never changes, so publish a new "
            "one and push it"
        )
    missing = [
        name for name, entry in release.manifest.files.items() if not _holds(artifacts, f"{place}/{name}", entry)
    ]
    for name in missing:
        artifacts.write(f"{place}/{name}", release.read(name))
    if published is None:
        artifacts.write(f"{place}/{MANIFEST}", manifest)
    signatures = read_signatures(folder)
    if signatures is not None and artifacts.find(f"{place}/{SIGNATURES}") != signatures:
        artifacts.write(f"{place}/{SIGNATURES}", signatures)
    if make_current:
        artifacts.write(f"{release.dataset}/{CURRENT}", f"{release.version}\n".encode())
    return Copied(artifacts.shown(place), len(release.manifest.files), len(missing))


def _holds(artifacts: RemoteFolder, name: str, entry: ManifestEntry) -> bool:
    if artifacts.size(name) != entry.bytes:
        return False
    content = artifacts.find(name, entry.bytes)
    return content is not None and digest(content) == entry.sha256
