"""A release on disk: ``artifacts/<dataset>/<version>/`` with its manifest, and the pointer ``current`` next to it."""

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from forecasting.disk import flush, replacing
from forecasting.errors import ReleaseError, UnknownNameError
from forecasting.evaluation.report import parse_report
from forecasting.models.checkpoint_file import CheckpointFile
from forecasting.models.metadata import CELLS, CheckpointMetadata, parse_metadata
from forecasting.models.universal.metadata import UNIVERSAL, UniversalMetadata, parse_universal_metadata
from forecasting.releases.trust import SIGNATURES, TrustedKeys, read_signatures
from forecasting.series.timestep import TimeStep
from forecasting.wording import available

_REMEDY: Final = "name the folder of a release, of a dataset, or of all datasets, such as artifacts"


def release_folders(path: Path) -> list[Path]:
    """Return the folders of the releases that ``path`` means, sorted."""
    is_release = (path / MANIFEST).exists()
    if ".." in path.parts or not path.name or (is_release and not path.parent.name):
        path = path.resolve()  # the last two names are those of the dataset and the version
    if is_release:
        return [path]
    if (path / CURRENT).exists():
        return [_current(path)]
    if not path.is_dir():
        raise ReleaseError(f"{path} is not a folder: {_REMEDY}")
    folders = [_current(path / name) for name in dataset_names(path)]
    if not folders:
        raise ReleaseError(f"{path} holds no release: {_REMEDY}")
    return folders


def _current(dataset: Path) -> Path:
    version = current_version(dataset)
    assert version is not None
    return dataset / version


UNFINISHED: Final = ".publishing-"
"""Prefix of the names of files and folders that are not published yet."""


def point_current(dataset: Path, version: str) -> None:
    """Make ``version`` the release that serves, atomically."""
    replace_text(dataset / CURRENT, version + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a file that others may read by rename, so that no reader finds half of it, even after a loss of power."""
    with replacing(path, UNFINISHED) as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(text.encode())
    flush(path.parent)


MANIFEST: Final = "manifest.json"
CURRENT: Final = "current"
EVALUATED: Final = "evaluated"
"""Folder, in a release, of the networks and references that its accuracy was measured on."""
LONGEST_TITLE: Final = 60
"""Characters of a title."""

EVALUATED_SERIES: Final = f"{EVALUATED}/series.csv"
"""Observations of the test part, and of the window before it."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CELL_FILE: Final = re.compile(r"([a-z][a-z0-9_]{0,31})\.pt")
_VERSION: Final = re.compile(r"\d{8}T\d{6}Z")


class ManifestEntry(BaseModel, frozen=True):
    """Digest and size of one file."""

    sha256: str
    bytes: int


class Manifest(BaseModel, frozen=True):
    """All files of a release except the manifest itself."""

    dataset: str
    version: str
    files: dict[str, ManifestEntry]

    @classmethod
    def parse(cls, content: bytes, release: str) -> "Manifest":
        """Parse the manifest of a release, whose path or URL is ``release``."""
        try:
            manifest = cls.model_validate_json(content)
        except ValidationError as error:
            raise ReleaseError(f"{release}: {MANIFEST} cannot be used: {error.errors()[0]['msg']}") from None
        for name in manifest.files:
            if not _is_inside(name):
                raise ReleaseError(f"{release}: the manifest lists {name[:64]!r}, which is not the name of a file")
        return manifest


def _is_inside(name: str) -> bool:
    """Whether ``name`` can be that of a file in a release, other than the manifest and its signatures."""
    path = PurePosixPath(name)
    plain = name.isprintable() and str(path) == name and path.name != ""
    return plain and not path.is_absolute() and ".." not in path.parts and name not in (MANIFEST, SIGNATURES)


def is_dataset_name(text: str) -> bool:
    """Whether ``text`` is a valid name: lower-case letters, digits, dots, dashes and underscores, at most 64."""
    return _NAME.fullmatch(text) is not None


def is_cell_name(text: str) -> bool:
    """Whether ``text`` is a valid name of a cell: lower-case letters, digits and underscores, at most 32."""
    return _CELL_FILE.fullmatch(f"{text}.pt") is not None


def is_version(text: str) -> bool:
    """Whether ``text`` is a version, the time when a release was made: ``20261124T150312Z``."""
    return _VERSION.fullmatch(text) is not None


def is_title(text: str) -> bool:
    """Whether ``text`` is a valid title: 1 to 60 printable characters, without spaces at the ends."""
    return 0 < len(text) <= LONGEST_TITLE and text.isprintable() and text == text.strip()


@dataclass(frozen=True)
class Release:
    """A release folder with its manifest, which matches the folder."""

    path: Path
    manifest: Manifest
    rollback: str | None = None

    @classmethod
    def open(cls, path: Path, trusted: TrustedKeys | None = None) -> "Release":
        """Read the manifest of the release in ``path``."""
        try:
            content = (path / MANIFEST).read_bytes()
        except OSError as error:
            raise ReleaseError(f"cannot read {path / MANIFEST}: {error.strerror}") from None
        rollback = None if trusted is None else trusted.check(content, read_signatures(path), str(path))
        manifest = Manifest.parse(content, str(path))
        if manifest.version != path.name or manifest.dataset != path.parent.name:
            raise ReleaseError(
                f"{path}: the manifest belongs to {manifest.dataset} {manifest.version}; restore the name of the folder"
            )
        return cls(path, manifest, rollback)

    def __getstate__(self) -> dict[str, Any]:
        # Metadata is half a megabyte, and its files are where the networks are.
        return {name: value for name, value in self.__dict__.items() if name != "metadata"}

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return self.manifest.dataset

    @property
    def version(self) -> str:
        """Version, the time when it was made: ``20261124T150312Z``."""
        return self.manifest.version

    @property
    def number(self) -> str:
        """What the releases of a dataset are ordered by: the version, or a later one since a signed rollback."""
        return self.rollback or self.version

    def refuse_if_older(self, others: Iterable["Release"]) -> None:
        """Refuse a release that is older than one of ``others``, which are signed releases of the same dataset."""
        for other in others:
            if other.number > self.number:
                raise ReleaseError(
                    f"{self.path} is older than {other.version}, which is signed too: to go back, sign the rollback "
                    f"with sst rollback {self.dataset} {self.version} --key FILE"
                )

    @cached_property
    def is_universal(self) -> bool:
        """Whether the networks are universal, as the sidecar of the first says; false if that cannot be read."""
        for cell in self.cells:
            if self.holds(f"{cell}.json"):
                try:
                    sidecar = json.loads((self.path / f"{cell}.json").read_bytes())
                except (OSError, ValueError):
                    return False
                return isinstance(sidecar, dict) and sidecar.get("kind") == UNIVERSAL
        return False

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells of its networks: RNN, LSTM and GRU first, then imported ones by name."""
        names = sorted(match[1] for file in self.manifest.files if (match := _CELL_FILE.fullmatch(file)))
        return tuple(sorted(names, key=lambda name: CELLS.index(name) if name in CELLS else len(CELLS)))

    @cached_property
    def metadata(self) -> dict[str, CheckpointMetadata | UniversalMetadata]:
        """What the networks say of themselves, by cell; they share step and horizon."""
        parse = parse_universal_metadata if self.is_universal else parse_metadata
        return {cell: parse(self.read(f"{cell}.json")) for cell in self.cells}

    @property
    def universal_metadata(self) -> dict[str, UniversalMetadata]:
        """What universal networks say of themselves, by cell; empty in a release of one place."""
        return {cell: known for cell, known in self.metadata.items() if isinstance(known, UniversalMetadata)}

    @property
    def step(self) -> TimeStep:
        """Step of the series that the networks forecast."""
        return self.metadata[self.cells[0]].time_step

    @property
    def horizon(self) -> int:
        """Number of leads."""
        return self.metadata[self.cells[0]].horizon

    @cached_property
    def best(self) -> str:
        """Cell of the network that did best: on held-out seas, or on the validation part of a place."""
        if scores := {cell: known.held_out_score for cell, known in self.universal_metadata.items()}:
            return min(scores, key=scores.__getitem__)
        return parse_report(self.read("report.json")).best.name

    @property
    def holds_evaluated(self) -> bool:
        """Whether the release of a place holds the networks that its accuracy was measured on."""
        return self.holds(f"{EVALUATED}/baselines.json")

    def holds(self, name: str) -> bool:
        """Return whether the manifest has a file of this name."""
        return name in self.manifest.files

    def file(self, name: str) -> CheckpointFile:
        """Return the path of one file, with the digest that the manifest states."""
        entry = self.manifest.files.get(name)
        if entry is None:
            raise ReleaseError(f"{self.path} has no {name}")
        return CheckpointFile((self.path / name).absolute(), entry.sha256)

    def read(self, name: str) -> bytes:
        """Return the content of one file after checking it against the manifest."""
        return read_published(self.file(name))


def read_published(file: CheckpointFile) -> bytes:
    """Return the content of a file of a release after checking it."""
    return file.read("it was published", "restore it, or train again")


def versions(dataset: Path) -> list[str]:
    """Return the versions in the folder of a dataset, oldest first."""
    if not dataset.is_dir():
        return []
    return sorted(entry.name for entry in dataset.iterdir() if entry.is_dir() and is_version(entry.name))


def signed_releases(dataset: Path, trusted: TrustedKeys) -> list[Release]:
    """Return the releases in the folder of a dataset that a trusted key signed, oldest version first."""
    releases = []
    for version in versions(dataset):
        with suppress(ReleaseError):
            releases.append(Release.open(dataset / version, trusted))
    return releases


def current_version(dataset: Path) -> str | None:
    """Return the version that serves; None if nothing was published."""
    pointer = dataset / CURRENT
    try:
        version = pointer.read_text().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"cannot read {pointer}: {error}") from None
    if not is_version(version):
        raise ReleaseError(
            f"{pointer} does not name a version: {version[:40]!r}; write one of these into it: "
            f"{', '.join(versions(dataset)) or 'none'}"
        )
    return version


def dataset_names(artifacts: Path) -> list[str]:
    """Return the names of the datasets that have a published release."""
    try:
        folders = sorted(entry for entry in artifacts.iterdir() if is_dataset_name(entry.name) and entry.is_dir())
    except OSError as error:
        raise ReleaseError(f"cannot read the artifacts folder {artifacts}: {error.strerror}") from None
    return [folder.name for folder in folders if (folder / CURRENT).exists()]


def universal_names(artifacts: Path) -> list[str]:
    """Return the names of the datasets whose current release is universal."""
    return [name for name in dataset_names(artifacts) if _is_universal(artifacts, name)]


def _is_universal(artifacts: Path, dataset: str) -> bool:
    try:
        return open_current(artifacts, dataset).is_universal
    except ReleaseError:
        # Opening the release reports the error.
        return False


def open_current(artifacts: Path, dataset: str, trusted: TrustedKeys | None = None) -> Release:
    """Open the release of ``dataset`` that serves."""
    version = current_version(artifacts / dataset) if is_dataset_name(dataset) else None
    if version is None:
        raise UnknownNameError(f"no dataset {dataset[:64]!r} is published; {available(dataset_names(artifacts))}")
    release = Release.open(artifacts / dataset / version, trusted)
    if trusted is not None:
        release.refuse_if_older(signed_releases(artifacts / dataset, trusted))
    return release


def current_versions(artifacts: Path) -> dict[str, str]:
    """Return the version that serves, by dataset; empty if its pointer cannot be used."""
    current = {}
    for name in dataset_names(artifacts):
        try:
            current[name] = current_version(artifacts / name) or ""
        except ReleaseError:
            # A pointer that cannot be read does not affect other datasets; opening the release reports the error.
            current[name] = ""
    return current


def traces(dataset: Path, version: str) -> tuple[tuple[str, int, int, int], ...]:
    """Return path, size and modification times of the pointer of a dataset and of each file of a version.

    They differ as soon as a file changes. Files that cannot be accessed are skipped.
    """
    try:
        files = sorted((dataset / version).rglob("*"))
    except OSError:
        files = []
    fingerprints = []
    for path in (dataset / CURRENT, *files):
        try:
            state = path.stat()
        except OSError:
            continue
        # A copy may keep mtime; ctime changes with the content and also with the permissions.
        fingerprints.append((str(path.relative_to(dataset)), state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return tuple(fingerprints)
