"""A release on disk: ``artifacts/<dataset>/<version>/`` with its manifest, and the pointer ``current`` beside it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from forecasting.errors import ReleaseError, UnknownNameError
from forecasting.networks.metadata import digest
from forecasting.wording import there_are

MANIFEST: Final = "manifest.json"
CURRENT: Final = "current"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VERSION: Final = re.compile(r"\d{8}T\d{6}Z")


class ManifestEntry(BaseModel, frozen=True):
    """Digest and size of one file."""

    sha256: str
    bytes: int


class Manifest(BaseModel, frozen=True):
    """Every file of a release but the manifest itself."""

    dataset: str
    version: str
    files: dict[str, ManifestEntry]


def is_dataset_name(text: str) -> bool:
    """Whether ``text`` can name a dataset: lower case letters, digits, dot, dash and underscore, 64 at most."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True)
class Release:
    """A release folder, its manifest read and found to be about it."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> "Release":
        """Read the manifest of the release in ``path``.

        Raises:
            ReleaseError: if there is none that can be used.
        """
        try:
            manifest = Manifest.model_validate_json((path / MANIFEST).read_bytes())
        except OSError as error:
            raise ReleaseError(f"{path}: {MANIFEST} cannot be read: {error.strerror}") from None
        except ValidationError as error:
            raise ReleaseError(f"{path}: {MANIFEST} cannot be used: {error.errors()[0]['msg']}") from None
        if manifest.version != path.name or manifest.dataset != path.parent.name:
            raise ReleaseError(
                f"{path}: the manifest is that of {manifest.dataset} {manifest.version}; restore the right folder name"
            )
        return cls(path, manifest)

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return self.manifest.dataset

    @property
    def version(self) -> str:
        """Its version: the time of its making, ``20261124T150312Z``."""
        return self.manifest.version

    def read(self, name: str) -> bytes:
        """The content of one file, checked against the manifest before anyone uses it.

        Raises:
            ReleaseError: if the file is missing, not in the manifest, or altered.
        """
        entry = self.manifest.files.get(name)
        if entry is None:
            raise ReleaseError(f"{self.path} holds no {name}")
        try:
            content = (self.path / name).read_bytes()
        except OSError as error:
            raise ReleaseError(f"{self.path / name} cannot be read: {error.strerror}") from None
        if digest(content) != entry.sha256:
            raise ReleaseError(
                f"{self.path / name} is not the file that was published: its sha256 differs from the manifest's; "
                "restore it, or train again"
            )
        return content


def versions(dataset: Path) -> list[str]:
    """The releases in a dataset's folder, oldest first."""
    if not dataset.is_dir():
        return []
    return sorted(entry.name for entry in dataset.iterdir() if entry.is_dir() and _VERSION.fullmatch(entry.name))


def current_version(dataset: Path) -> str | None:
    """The version that serves; None where nothing was published.

    Raises:
        ReleaseError: if the pointer cannot be read or names no version.
    """
    pointer = dataset / CURRENT
    try:
        version = pointer.read_text().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{pointer} cannot be read: {error}") from None
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{pointer} names no version: {version[:40]!r}; it should be one of {versions(dataset)}")
    return version


def dataset_names(artifacts: Path) -> list[str]:
    """The datasets of which a release is published, by name.

    Raises:
        ReleaseError: if the folder cannot be read.
    """
    try:
        folders = sorted(entry for entry in artifacts.iterdir() if is_dataset_name(entry.name) and entry.is_dir())
    except OSError as error:
        raise ReleaseError(f"the artifacts folder {artifacts} cannot be read: {error.strerror}") from None
    return [folder.name for folder in folders if (folder / CURRENT).exists()]


def open_current(artifacts: Path, dataset: str) -> Release:
    """The release of ``dataset`` that serves.

    Raises:
        UnknownNameError: if none is published.
        ReleaseError: if it cannot be used.
    """
    version = current_version(artifacts / dataset) if is_dataset_name(dataset) else None
    if version is None:
        raise UnknownNameError(f"no dataset {dataset[:64]!r} is published; {there_are(dataset_names(artifacts))}")
    return Release.open(artifacts / dataset / version)


def current_versions(artifacts: Path) -> dict[str, str]:
    """The version that serves, by dataset; empty where its pointer names none.

    Raises:
        ReleaseError: if the folder cannot be read.
    """
    found = {}
    for name in dataset_names(artifacts):
        try:
            found[name] = current_version(artifacts / name) or ""
        except ReleaseError:
            # One that cannot be read keeps no other from being followed; opening it says what is wrong.
            found[name] = ""
    return found


def traces(dataset: Path, version: str) -> tuple[tuple[str, int, int, int], ...]:
    """Name, size and times of change of a dataset's pointer and of each file of a version: others once one changed.

    What cannot be looked at is left out.
    """
    try:
        files = sorted((dataset / version).iterdir())
    except OSError:
        files = []
    found = []
    for path in (dataset / CURRENT, *files):
        try:
            state = path.stat()
        except OSError:
            continue
        # A copy may keep the time of the content; the other one also follows the mode, without which none can read.
        found.append((path.name, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return tuple(found)
