"""The releases on disk, and the choice among them by a name or by the step of the input; imports no torch."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from forecasting.errors import RequestError, SeriesError, UnknownNameError
from forecasting.evaluation.report import parse_report
from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.base import Model as ForecastModel
from forecasting.models.checkpoint_file import CheckpointFile
from forecasting.models.metadata import CheckpointMetadata, digest, parse_metadata
from forecasting.models.universal.metadata import UniversalMetadata, parse_universal_metadata
from forecasting.qartod import GOOD
from forecasting.releases.release import Release, dataset_names, open_current, universal_names
from forecasting.releases.trust import TrustedKeys
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import available
from scoring.errors import NothingToForecastError
from scoring.models.model import CellModel, Span, TableModel
from scoring.models.quality import Flags, evaluate, held_out_ratio

if TYPE_CHECKING:
    import torch

    from forecasting.models.universal.release import UniversalRelease
    from scoring.models.place_forecaster import PlaceForecaster
    from scoring.models.universal_forecaster import UniversalCellForecaster

BEST: Final = "best"

_loading = threading.Lock()


@dataclass(frozen=True)
class PlaceModel(CellModel, TableModel):
    """A network of one place, which the user named."""

    cells_per_chunk = 65_536
    uses_positions = False

    file: CheckpointFile
    metadata: CheckpointMetadata = field(hash=False)
    device: str = "cpu"
    choice: str = "release of one place, named by the user"

    @property
    def sha256(self) -> str:
        """Digest of the checkpoint."""
        return self.file.sha256

    def span(self) -> Span:
        """Return the last window, the steps in which a gap may begin, and as many steps to evaluate the network by."""
        window = self.metadata.window
        return Span(self.name, self.metadata.time_step, window, 2 * window + self.metadata.fill_limit + 1)

    def check(self, horizon: int, levels: tuple[int, ...]) -> None:
        """See :class:`~scoring.models.model.Model`."""
        _check_horizon(self.name, self.metadata, horizon)
        offered = self.metadata.errors.half_width
        unknown = [level for level in levels if level not in offered]
        if unknown:
            raise RequestError(
                f"--levels {unknown[0]}: no calibrated interval at this level; "
                f"available: {', '.join(map(str, offered)) or 'none'}",
                field="levels",
            )

    def load(self) -> "PlaceForecaster":
        """See :class:`~scoring.models.model.Model`."""
        with _loading:
            return _load_place(self.file, self.device)

    @property
    def reads_at(self) -> TimeStep:
        """See :class:`~scoring.models.model.TableModel`."""
        return self.metadata.time_step

    def at(self, step: TimeStep, horizon: int) -> ForecastModel:
        """See :class:`~scoring.models.model.TableModel`."""
        return self.load().forecaster

    def evaluate(self, forecasts: Forecasts, model: ForecastModel) -> Flags:
        """See :class:`~scoring.models.model.TableModel`; by forecasts from the past of each series."""
        return self.load().evaluate(forecasts, self.span().longest)


@dataclass(frozen=True)
class UniversalFiles:
    """The files of one universal release.

    Attributes:
        name: such as ``ocean-daily``.
        version: of the release.
        networks: checkpoints, by cell.
        metadata: of each network, by cell; they share step, horizon and contexts.
    """

    name: str
    version: str
    networks: tuple[tuple[str, CheckpointFile], ...]
    metadata: dict[str, UniversalMetadata] = field(hash=False, compare=False)

    @property
    def any_metadata(self) -> UniversalMetadata:
        """Metadata of one network, for what they share."""
        return next(iter(self.metadata.values()))

    @property
    def step(self) -> TimeStep:
        """Step of the series that the release forecasts."""
        return self.any_metadata.time_step

    def only(self, cell: str) -> "UniversalFiles":
        """Return the files of one network; ``best`` is the one with the lowest RMSE on held-out seas."""
        if cell == BEST:
            cell = min(self.metadata, key=lambda name: self.metadata[name].held_out_score)
        networks = tuple((name, file) for name, file in self.networks if name == cell)
        return UniversalFiles(self.name, self.version, networks, {cell: self.metadata[cell]})

    def load(self, device: str) -> "UniversalRelease":
        """Load the networks, once in each process.

        Raises:
            ReleaseError: if a file is missing or has changed.
        """
        with _loading:
            return _load_universal(self, device)


@dataclass(frozen=True)
class UniversalNetwork(CellModel):
    """One network of a universal release, for grids.

    Attributes:
        files: of the release, with this network only.
    """

    cells_per_chunk = 16_384

    files: UniversalFiles
    metadata: UniversalMetadata = field(hash=False)
    choice: str
    device: str = "cpu"

    @property
    def sha256(self) -> str:
        """Digest of the checkpoint."""
        return self.files.networks[0][1].sha256

    def span(self) -> Span:
        """Return the longest context that the network uses."""
        return Span(self.name, self.files.step, self.metadata.minimum, self.metadata.maximum)

    def check(self, horizon: int, levels: tuple[int, ...]) -> None:
        """See :class:`~scoring.models.model.Model`."""
        _check_levels(levels)
        _check_horizon(self.files.name, self.metadata, horizon)

    def load(self) -> "UniversalCellForecaster":
        """See :class:`~scoring.models.model.Model`."""
        from forecasting.models.universal.model import UniversalModel  # imports torch
        from scoring.models.universal_forecaster import UniversalCellForecaster

        (cell,) = self.files.metadata
        return UniversalCellForecaster(UniversalModel(self.files.load(self.device), cell))


@dataclass(frozen=True)
class UniversalModels(TableModel):
    """The networks of universal releases, for tables: the step of each series chooses among them.

    Attributes:
        releases: at least one, each for another step.
        cell: ``best``, or the cell that the user named.
        named: whether the user named the release; it is then the only one.
    """

    reads_at = None
    uses_positions = True

    releases: tuple[UniversalFiles, ...]
    cell: str
    named: bool
    choice: str
    device: str = "cpu"

    @property
    def name(self) -> str:
        """Full name of a network that the user named; else ``best`` or a cell."""
        return f"{self.releases[0].name}-{self.cell}" if self.named and self.cell != BEST else self.cell

    @property
    def version(self) -> str:
        """Name and version of each release."""
        return ", ".join(f"{release.name} {release.version}" for release in self.releases)

    @property
    def sha256(self) -> str:
        """Digest of all checkpoints."""
        files = [(release.name, *network) for release in self.releases for network in release.networks]
        return hashlib.sha256(
            "\n".join(f"{name} {cell} {file.sha256}" for name, cell, file in files).encode()
        ).hexdigest()

    def check(self, horizon: int, levels: tuple[int, ...]) -> None:
        """See :class:`~scoring.models.model.Model`."""
        _check_levels(levels)
        if self.named:
            _check_horizon(self.releases[0].name, self.releases[0].any_metadata, horizon)

    def load(self) -> None:
        """Load nothing yet: the step of the series decides which release is needed."""

    def at(self, step: TimeStep, horizon: int) -> ForecastModel:
        """See :class:`~scoring.models.model.TableModel`; the release is for this step, or the nearest."""
        from forecasting.models.universal.model import UniversalModel  # imports torch

        files = self._files_at(step, horizon)
        if self.cell not in (BEST, *files.metadata):
            raise SeriesError(f"{files.name} has no network {self.cell}; it has {', '.join(files.metadata)}")
        return UniversalModel(files.load(self.device), self.cell)

    def _files_at(self, step: TimeStep, horizon: int) -> UniversalFiles:
        from forecasting.models.universal.resampling import nearest_step  # imports torch

        by_step = {files.step: files for files in self.releases}
        if self.named and step not in by_step:
            (files,) = self.releases
            raise SeriesError(
                f"its step is {in_words(str(step))}, but {files.name} forecasts steps of {in_words(str(files.step))}; "
                "leave out --dataset to let the step choose the release"
            )
        nearest = nearest_step(step, {other: files.any_metadata.horizon for other, files in by_step.items()}, horizon)
        if nearest is None:
            known = ", ".join(in_words(str(other)) for other in by_step)
            raise SeriesError(
                f"no universal release forecasts steps of {in_words(str(step))}, only of {known}; average it with "
                "--resample"
            )
        return by_step[nearest]

    def evaluate(self, forecasts: Forecasts, model: ForecastModel) -> Flags:
        """See :class:`~scoring.models.model.TableModel`; by the backtest of each series and the held-out seas."""
        files = next(files for files in self.releases if files.name == model.dataset)
        return np.asarray([_flag(forecasts, i, files) for i in range(len(forecasts))], dtype=np.int8)


def _flag(forecasts: Forecasts, i: int, files: UniversalFiles) -> int:
    model, past, series = forecasts.model[i], forecasts.past[i], forecasts.series[i]
    cell = model.removeprefix(f"{files.name}-")
    if cell not in files.metadata:
        return GOOD  # a reference, which only the backtest can choose
    ratio = series.step.seconds / files.step.seconds
    leads = min(max(round(forecasts.horizon * ratio), 1), files.any_metadata.horizon)
    count = np.asarray([round(np.isfinite(series.values).sum() * min(ratio, 1.0))])
    relative, independent = np.nan, 0.0
    if past is not None and model in past.relative_rmse:
        known = past.relative_rmse
        better = min(known.get(name, 1.0) for name in ("persistence", "usual_change"))
        relative, independent = known[model] / better, past.independent
    # Whether another reference is better by more than chance has been tested when the model was chosen.
    held_out = held_out_ratio(files.metadata[cell], count, leads)
    return int(evaluate(np.asarray([relative]), np.asarray([np.nan]), np.asarray([independent]), held_out)[0])


def _check_horizon(name: str, metadata: CheckpointMetadata | UniversalMetadata, horizon: int) -> None:
    if not 1 <= horizon <= metadata.horizon:
        raise RequestError(
            f"--horizon {horizon} is out of range: {name} forecasts 1 to {metadata.horizon} steps of "
            f"{in_words(metadata.step)}",
            field="horizon",
        )


def _check_levels(levels: tuple[int, ...]) -> None:
    unknown = [level for level in levels if not 1 <= level <= 99]
    if unknown:
        raise RequestError(f"--levels {unknown[0]}: choose levels from 1 to 99 percent", field="levels")


@lru_cache(maxsize=4)
def _load_place(file: CheckpointFile, device_name: str) -> "PlaceForecaster":
    from forecasting.models.checkpoint import load
    from forecasting.models.place.forecaster import Forecaster
    from scoring.models.place_forecaster import PlaceForecaster

    device = _device(device_name)
    return PlaceForecaster(Forecaster(*load(_content(file), device), device))


@lru_cache(maxsize=8)
def _load_universal(files: UniversalFiles, device_name: str) -> "UniversalRelease":
    from forecasting.models.universal.network import UniversalForecaster, load
    from forecasting.models.universal.release import UniversalRelease

    device = _device(device_name)
    networks: dict[str, UniversalForecaster] = {}
    for cell, file in files.networks:
        networks[cell] = load(_content(file), device, file, [*networks.values()])
    return UniversalRelease(files.name, files.version, networks)


def _device(name: str) -> "torch.device":
    import torch

    from forecasting.models.checkpoint import choose_device

    # For networks this small, one thread is faster than two.
    torch.set_num_threads(1)
    return choose_device(name)


def _content(file: CheckpointFile) -> bytes:
    return file.read("this run began", "every worker needs the checkpoint of the run at this path")


@dataclass(frozen=True)
class Choice:
    """The user's choice of a model.

    Attributes:
        artifacts: folder of releases.
        dataset: name of a release; None if the step of the input chooses it.
        cell: ``best`` or a cell.
        device: that the networks run on.
        trusted: keys that must have signed a release; None to use any release.
    """

    artifacts: Path
    dataset: str | None
    cell: str
    device: str
    trusted: TrustedKeys | None = None

    @classmethod
    def of(
        cls, artifacts: Path, dataset: str | None, model: str, device: str, trusted: TrustedKeys | None = None
    ) -> "Choice":
        """Return the choice of ``model``: ``best``, a cell such as ``gru``, or a full name such as ``nino12-gru``.

        Raises:
            RequestError: if a full name contradicts ``dataset``.
        """
        named, _, cell = model.rpartition("-")
        if named and dataset not in (None, named):
            raise RequestError(f"model {model} belongs to dataset {named}, not {dataset}", field="model")
        return cls(artifacts, dataset or named or None, cell, device, trusted)

    def for_table(self) -> TableModel:
        """Return the model for a table, whose stations may differ in step.

        Raises:
            ForecastError: if there is no such model, or its release cannot be used.
        """
        release = None if self.dataset is None else open_current(self.artifacts, self.dataset, self.trusted)
        if release is not None and not release.is_universal:
            return self._place_model(release)
        releases = self._universal() if release is None else (_files(release),)
        if self.cell != BEST:
            self._check_cell(releases)
        why = "release for the step of each station" if release is None else "release named by the user"
        return UniversalModels(releases, self.cell, release is not None, why, self.device)

    def for_grid(self, step_of_grid: Callable[[], TimeStep]) -> CellModel:
        """Return the model for a grid.

        Args:
            step_of_grid: returns the step of the grid; called only if the step chooses the release.

        Raises:
            NothingToForecastError: if no universal release forecasts this step.
            ForecastError: if there is no such model, or its release cannot be used.
        """
        if self.dataset is not None:
            release = open_current(self.artifacts, self.dataset, self.trusted)
            if not release.is_universal:
                return self._place_model(release)
            return self._network(_files(release), "release named by the user")
        step = step_of_grid()
        files = _at_step(self._universal(), step)
        return self._network(files, f"release for the step of the grid ({in_words(str(step))})")

    def _network(self, files: UniversalFiles, why: str) -> UniversalNetwork:
        """Return the network that the user named, or the one that did best on held-out seas."""
        if self.cell != BEST:
            self._check_cell((files,))
        how = "its best network on held-out seas" if self.cell == BEST else "network named by the user"
        only = files.only(self.cell)
        return UniversalNetwork(only, only.any_metadata, f"{why}, {how}", self.device)

    def _universal(self) -> tuple[UniversalFiles, ...]:
        """Return all universal releases, shortest step first.

        Raises:
            UnknownNameError: if there are none.
        """
        names = universal_names(self.artifacts)
        releases = [_files(open_current(self.artifacts, name, self.trusted)) for name in names]
        if not releases:
            places = available(dataset_names(self.artifacts))
            raise UnknownNameError(
                f"{self.artifacts} has no universal release, such as ocean-daily; name a release of one place with "
                f"--dataset, {places}"
            )
        return tuple(sorted(releases, key=lambda release: release.step.seconds))

    def _check_cell(self, releases: Sequence[UniversalFiles]) -> None:
        known = list(dict.fromkeys(cell for release in releases for cell in release.metadata))
        if self.cell not in known:
            names = [f"{release.name}-{cell}" for release in releases for cell in release.metadata]
            raise UnknownNameError(f"no model {self.cell[:64]!r}; {available([BEST, *known, *names])}")

    def _place_model(self, release: Release) -> PlaceModel:
        cell = self.cell
        if cell == BEST:
            cell = parse_report(release.read("report.json")).best.name
        if f"{cell}.pt" not in release.manifest.files:
            raise UnknownNameError(
                f"no model {self.cell[:64]!r} in {release.path}; {available([BEST, *release.cells])}"
            )
        return PlaceModel(_file(release, cell), parse_metadata(release.read(f"{cell}.json")), self.device)


def _files(release: Release) -> UniversalFiles:
    metadata = {cell: parse_universal_metadata(release.read(f"{cell}.json")) for cell in release.cells}
    networks = tuple((cell, _file(release, cell)) for cell in release.cells)
    return UniversalFiles(release.dataset, release.version, networks, metadata)


def _file(release: Release, cell: str) -> CheckpointFile:
    return CheckpointFile((release.path / f"{cell}.pt").resolve(), digest(release.read(f"{cell}.pt")))


def _at_step(releases: tuple[UniversalFiles, ...], step: TimeStep) -> UniversalFiles:
    for release in releases:
        if release.step == step:
            return release
    longer = next((release.step for release in releases if release.step.seconds > step.seconds), None)
    remedy = "make its steps equal to one of these" if longer is None else f"average it with --resample {longer}"
    known = ", ".join(f"{in_words(str(release.step))} ({release.name})" for release in releases)
    raise NothingToForecastError(
        f"the step of the grid is {in_words(str(step))}, but universal releases forecast steps of {known}; {remedy}"
    )
