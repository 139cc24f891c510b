"""A release: ``artifacts/<dataset>/<version>/`` with its manifest, and the pointer ``current`` next to it.

Its networks load on first use. Nothing imports torch before.
"""

import csv
import io
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
from pydantic import BaseModel, ValidationError

from forecasting.disk import flush, replacing
from forecasting.errors import ForecastError, ReleaseError, UnknownNameError
from forecasting.evaluation.events import NO_EVENTS, RequestedEvents
from forecasting.evaluation.report import Report, parse_report
from forecasting.models.base import ALL, BEST, Model, climatology_at, on_land
from forecasting.models.checkpoint_file import CheckpointFile
from forecasting.models.metadata import CELLS, CheckpointMetadata, parse_metadata
from forecasting.models.universal.metadata import UNIVERSAL, UniversalMetadata, parse_universal_metadata
from forecasting.models.universal.report import UniversalReport, parse_universal_report
from forecasting.references.baselines import BASELINES, REFERENCES, Baselines
from forecasting.releases.trust import SIGNATURES, TrustedKeys, read_signatures
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, parse_time
from forecasting.series.timestep import TimeStep
from forecasting.wording import available

if TYPE_CHECKING:
    import torch

    from forecasting.backtest.backtest import Backtest
    from forecasting.models.place.forecaster import Forecaster
    from forecasting.models.universal.model import UniversalModel
    from forecasting.models.universal.network import UniversalForecaster
    from forecasting.models.universal.release import UniversalRelease

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

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks: RNN, LSTM and GRU first, then imported ones by name."""
        names = sorted(match[1] for file in self.files if (match := _CELL_FILE.fullmatch(file)))
        return tuple(sorted(names, key=lambda name: CELLS.index(name) if name in CELLS else len(CELLS)))


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


def read_published(file: CheckpointFile) -> bytes:
    """Return the content of a file of a release after checking it."""
    return file.read("it was published", "restore it, or train again")


Read = Callable[[CheckpointFile], bytes]


@dataclass(frozen=True)
class Release(ABC):
    """A release folder with its manifest, which matches the folder; what the files hold is read on first use.

    Attributes:
        on: the device of the networks.
        unloaded: cells of networks that do not serve.
    """

    contents: ClassVar[tuple[str, ...]]
    """What stays in memory, by the names of properties."""
    references: ClassVar[Sequence[str]]
    """Names of the references that a backtest may have."""

    path: Path
    manifest: Manifest = field(hash=False)
    rollback: str | None = None
    on: "torch.device | str" = "cpu"
    unloaded: frozenset[str] = frozenset()

    @classmethod
    def open(cls, path: Path, trusted: TrustedKeys | None = None, device: "torch.device | str" = "cpu") -> Self:
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
        kind = SeaRelease if _says_universal(path, manifest) else PlaceRelease
        release = kind(path, manifest, rollback, device)
        assert isinstance(release, cls)
        return release

    def __getstate__(self) -> dict[str, Any]:
        # Metadata is half a megabyte, and its files are where the networks are.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
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

    @cached_property
    def device(self) -> "torch.device":
        """The device of the networks."""
        from forecasting.models.checkpoint import choose_device

        return choose_device(self.on) if isinstance(self.on, str) else self.on

    @cached_property
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks that serve."""
        return tuple(cell for cell in self.manifest.cells if cell not in self.unloaded)

    @property
    def models(self) -> list[str]:
        """Full names of the networks that serve."""
        return [f"{self.dataset}-{cell}" for cell in self.cells]

    @property
    @abstractmethod
    def metadata(self) -> Mapping[str, CheckpointMetadata | UniversalMetadata]:
        """What all networks say of themselves, by cell; they share step and horizon."""

    @cached_property
    def step(self) -> TimeStep:
        """Step of the series that the networks forecast."""
        return self.metadata[self.manifest.cells[0]].time_step

    @cached_property
    def horizon(self) -> int:
        """Number of leads."""
        return self.metadata[self.manifest.cells[0]].horizon

    @property
    def reads_at(self) -> TimeStep | None:
        """The step that every series is read at; None if each series tells its own."""
        return self.step

    @property
    @abstractmethod
    def best(self) -> str:
        """Cell of the network that did best of those that serve; of all, if none does."""

    @cached_property
    def card(self) -> bytes | None:
        """The model card."""
        return self.read("MODEL_CARD.md") if self.holds("MODEL_CARD.md") else None

    @property
    @abstractmethod
    def networks(self) -> "Mapping[str, Forecaster | UniversalForecaster]":
        """All networks by cell, verified and warmed up."""

    @property
    @abstractmethod
    def forecasters(self) -> Mapping[str, Model]:
        """The models of the networks that serve, by cell."""

    @abstractmethod
    def load_models(self, cells: Sequence[str], read: Read) -> Mapping[str, Model]:
        """Load the models of some cells from files that ``read`` verifies, and ``best`` of these if it is no cell."""

    def load(self) -> Self:
        """Verify every file, load the networks and what comes with them, and warm up."""
        for name in self.manifest.files:
            self.read(name)
        # What is in the checkpoints is also in the files beside them.
        vars(self)["metadata"] = {cell: network.metadata for cell, network in self.networks.items()}
        try:
            for name in self.contents:
                getattr(self, name)
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{self.path} cannot be used: {error}") from None
        return self

    def without(self, models: Collection[str]) -> Self:
        """Return the release without the networks of these full names; what is in memory is not loaded again."""
        cells = frozenset(cell for cell in self.manifest.cells if f"{self.dataset}-{cell}" in models)
        release = replace(self, unloaded=cells)
        vars(release).update({name: getattr(self, name) for name in self.contents})
        return release

    def cells_of(self, name: str) -> tuple[str, ...]:
        """Return the cells that ``best``, ``all`` or a cell means; none if no such network serves."""
        if name == ALL:
            return self.cells
        cell = self.best if name == BEST else name
        return (cell,) if cell in self.cells else ()

    def select(self, name: str) -> Sequence[Model]:
        """Return the models called ``best``, ``all`` or by the name of a cell; none if no such network serves."""
        return [self.forecasters[cell] for cell in self.cells_of(name)]

    @abstractmethod
    def backtest(
        self, name: str, series: SstSeries, position: Floats, horizon: int, events: RequestedEvents = NO_EVENTS
    ) -> "Generator[None, None, Backtest]":
        """Forecast a series at one lead from each of its past steps, yielding between parts so that others can work.

        The ``name`` is as for :meth:`cells_of`, and the ``position`` is in degrees north and east, NaN where not known.
        """

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

    def _warm_up(self, networks: "Mapping[str, Forecaster | UniversalForecaster]", folder: str = "") -> None:
        """Warm up the networks of a folder, which have to be those of this release."""
        if not networks:
            raise ReleaseError(f"{self.path} has no checkpoint")
        for cell, network in networks.items():
            metadata = network.metadata
            if (metadata.dataset, metadata.version, metadata.cell) != (self.dataset, self.version, cell):
                raise ReleaseError(
                    f"{self.file(f'{folder}{cell}.pt').path} contains {metadata.model} of release {metadata.version}: "
                    "restore the right file"
                )
            network.warm_up()


class PlaceRelease(Release):
    """The release of one place."""

    contents = ("networks", "metadata", "card", "report", "baselines", "recent", "predictions", "plots")
    references = BASELINES

    @cached_property
    def metadata(self) -> dict[str, CheckpointMetadata]:
        """See :attr:`~forecasting.releases.release.Release.metadata`."""
        return {cell: parse_metadata(self.read(f"{cell}.json")) for cell in self.manifest.cells}

    @property
    def best(self) -> str:
        """Cell of the network with the lowest validation RMSE."""
        serving = [model for model in self.report.networks if model.name in self.cells]
        return min(serving or self.report.networks, key=lambda model: model.validation_rmse).name

    @cached_property
    def networks(self) -> "dict[str, Forecaster]":
        """See :attr:`~forecasting.releases.release.Release.networks`."""
        return self.load_networks(self.manifest.cells)

    @cached_property
    def forecasters(self) -> "dict[str, Forecaster]":
        """See :attr:`~forecasting.releases.release.Release.forecasters`."""
        return {cell: self.networks[cell] for cell in self.cells}

    def load_models(self, cells: Sequence[str], read: Read, folder: str = "") -> "dict[str, Forecaster]":
        """See :meth:`~forecasting.releases.release.Release.load_models`; from a ``folder`` of the release."""
        from forecasting.models.checkpoint import load
        from forecasting.models.place.forecaster import Forecaster

        networks = {}
        for cell in cells:
            file = self.file(f"{folder}{cell}.pt")
            content = read(file)
            with file.named():
                networks[cell] = Forecaster(*load(content, self.device), self.device, file)
        return networks

    def load_networks(self, cells: Sequence[str], folder: str = "") -> "dict[str, Forecaster]":
        """Verify the checkpoints of some cells, load them, and warm them up."""
        networks = self.load_models(cells, read_published, folder)
        self._warm_up(networks, folder)
        return networks

    @property
    def holds_evaluated(self) -> bool:
        """Whether the release holds the networks that its accuracy was measured on."""
        return self.holds(f"{EVALUATED}/baselines.json")

    def load_evaluated(self) -> "tuple[dict[str, Forecaster], Baselines]":
        """Load the networks and references that the accuracy of the release was measured on.

        They are those in its folder ``evaluated``, which have not seen the test part. A release without that folder
        serves them.
        """
        folder = f"{EVALUATED}/" if self.holds_evaluated else ""
        cells = [cell for cell in self.manifest.cells if self.holds(f"{folder}{cell}.pt")]
        networks = self.load_networks(cells, folder)
        try:
            return networks, Baselines.model_validate_json(self.read(f"{folder}baselines.json"))
        except ValueError as error:
            raise ReleaseError(f"{self.path} cannot be used: {error}") from None

    @cached_property
    def report(self) -> Report:
        """The results of the training."""
        return parse_report(self.read("report.json"))

    @cached_property
    def baselines(self) -> Baselines:
        """References fitted to the training series; without the folder ``evaluated``, to train and validation parts."""
        baselines = Baselines.model_validate_json(self.read("baselines.json"))
        if baselines.years is not None:
            return baselines
        until = self.report.periods["test" if self.holds_evaluated else "validation"].end
        return baselines.model_copy(update={"years": (int(self.report.periods["train"].start[:4]), int(until[:4]))})

    @cached_property
    def recent(self) -> SstSeries:
        """The end of the training series."""
        return self.read_series("recent.csv")

    def read_series(self, name: str) -> SstSeries:
        """Read a file with the columns ``time`` and ``sst``, °C, empty where a value is missing."""
        rows = self._rows(name)
        values = np.asarray([float(row["sst"] or "nan") for row in rows])
        return SstSeries(values, parse_time(rows[0]["time"]), self.step)

    @cached_property
    def predictions(self) -> tuple[list[str], dict[str, Floats]]:
        """Times of the test part, ISO 8601, and what was observed and predicted, °C, by column; NaN where empty."""
        rows = self._rows("predictions.csv")
        names = [name for name in rows[0] if name != "time"]
        columns = {name: np.asarray([float(row[name] or "nan") for row in rows]) for name in names}
        return [row["time"] for row in rows], columns

    def _rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.read(name).decode())))

    @cached_property
    def plots(self) -> dict[str, bytes]:
        """The figure ``comparison`` as ``png`` and ``svg``."""
        return {kind: self.read(f"comparison.{kind}") for kind in ("png", "svg")}

    def backtest(
        self, name: str, series: SstSeries, position: Floats, horizon: int, events: RequestedEvents = NO_EVENTS
    ) -> "Generator[None, None, Backtest]":
        """See :meth:`~forecasting.releases.release.Release.backtest`; the position does not matter."""
        from forecasting.backtest.place import rolling_through

        return rolling_through(series, [self.forecasters[cell] for cell in self.cells_of(name)], horizon, events)


class SeaRelease(Release):
    """A universal release, whose networks forecast any series."""

    contents = ("networks", "metadata", "card", "report")
    references = REFERENCES

    @cached_property
    def metadata(self) -> dict[str, UniversalMetadata]:
        """See :attr:`~forecasting.releases.release.Release.metadata`."""
        return {cell: parse_universal_metadata(self.read(f"{cell}.json")) for cell in self.manifest.cells}

    @property
    def reads_at(self) -> None:
        """None: each series tells its own step."""

    @property
    def best(self) -> str:
        """Cell of the network that did best on held-out seas."""
        return min(self.cells or self.manifest.cells, key=lambda cell: self.metadata[cell].held_out_score)

    @cached_property
    def networks(self) -> "dict[str, UniversalForecaster]":
        """See :attr:`~forecasting.releases.release.Release.networks`."""
        networks = self._load_networks(self.manifest.cells, read_published)
        self._warm_up(networks)
        return networks

    def _load_networks(self, cells: Sequence[str], read: Read) -> "dict[str, UniversalForecaster]":
        from forecasting.models.universal.network import load_all

        return load_all({cell: self.file(f"{cell}.pt") for cell in cells}, read, self.device)

    @cached_property
    def universal(self) -> "UniversalRelease":
        """The networks that serve; all of them, for what they share, if none does."""
        return self._of({cell: self.networks[cell] for cell in self.cells or self.manifest.cells})

    def _of(self, networks: "Mapping[str, UniversalForecaster]") -> "UniversalRelease":
        from forecasting.models.universal.release import UniversalRelease

        return UniversalRelease(self.dataset, self.version, networks)

    @cached_property
    def forecasters(self) -> "dict[str, UniversalModel]":
        """See :attr:`~forecasting.releases.release.Release.forecasters`."""
        return {cell: self.universal.model(cell) for cell in self.cells}

    def load_models(self, cells: Sequence[str], read: Read) -> "dict[str, UniversalModel]":
        """See :meth:`~forecasting.releases.release.Release.load_models`."""
        universal = self._of(self._load_networks(cells, read))
        return {cell: universal.model(cell) for cell in (*cells, BEST)}

    def select(self, name: str) -> Sequence[Model]:
        """See :meth:`~forecasting.releases.release.Release.select`; ``best`` chooses a network for each series."""
        return [self._chooses] if name == BEST and self.cells else super().select(name)

    @cached_property
    def _chooses(self) -> "UniversalModel":
        """The model that chooses a network or a reference for each series."""
        return self.universal.model()

    @cached_property
    def report(self) -> UniversalReport | None:
        """How the networks did on held-out seas."""
        return parse_universal_report(self.read("report.json")) if self.holds("report.json") else None

    def backtest(
        self, name: str, series: SstSeries, position: Floats, horizon: int, events: RequestedEvents = NO_EVENTS
    ) -> "Generator[None, None, Backtest]":
        """See :meth:`~forecasting.releases.release.Release.backtest`; the release may have another step."""
        from forecasting.backtest.universal import rolling_universal

        coefficients, cells = climatology_at(position[None])[0], self.cells_of(name)
        backtest = yield from rolling_universal(self.universal, cells, series, coefficients, horizon, events)
        return backtest.with_warnings(on_land(position, coefficients))


def _says_universal(path: Path, manifest: Manifest) -> bool:
    """Whether the networks are universal, as the sidecar of the first says; false if that cannot be read."""
    name = next((f"{cell}.json" for cell in manifest.cells if f"{cell}.json" in manifest.files), None)
    try:
        sidecar = json.loads((path / name).read_bytes()) if name else None
    except (OSError, ValueError):
        return False
    return isinstance(sidecar, dict) and sidecar.get("kind") == UNIVERSAL


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
        return isinstance(open_current(artifacts, dataset), SeaRelease)
    except ReleaseError:
        # Opening the release reports the error.
        return False


def open_current(
    artifacts: Path, dataset: str, trusted: TrustedKeys | None = None, device: "torch.device | str" = "cpu"
) -> Release:
    """Open the release of ``dataset`` that serves."""
    version = current_version(artifacts / dataset) if is_dataset_name(dataset) else None
    if version is None:
        raise UnknownNameError(f"no dataset {dataset[:64]!r} is published; {available(dataset_names(artifacts))}")
    release = Release.open(artifacts / dataset / version, trusted, device)
    if trusted is not None:
        refuse_if_older(release.path, release.number, signed_releases(artifacts / dataset, trusted))
    return release


def refuse_if_older(path: Path, number: str, others: Iterable[Release]) -> None:
    """Refuse a release in ``path`` that is older than one of ``others``, signed releases of the same dataset."""
    for other in others:
        if other.number > number:
            raise ReleaseError(
                f"{path} is older than {other.version}, which is signed too: to go back, sign the rollback "
                f"with sst rollback {path.parent.name} {path.name} --key FILE"
            )


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
