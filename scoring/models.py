"""The models of a run, as files: chosen among the releases on disk, and loaded once in each process.

Imports no torch until they are loaded.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, Self

from forecasting.errors import RequestError, SeriesError, UnknownNameError
from forecasting.models.base import BEST, Model
from forecasting.models.checkpoint_file import CheckpointFile
from forecasting.models.metadata import CheckpointMetadata
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.models.universal.pooled import PooledMixture
from forecasting.models.universal.resampling import nearest_step
from forecasting.releases.catalog import Selection, unknown_model
from forecasting.releases.release import Release, SeaRelease
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import available
from scoring.errors import NothingToForecastError

if TYPE_CHECKING:
    from forecasting.models.universal.model import UniversalModel

_REMEDY: Final = "every worker needs the checkpoint of the run at this path"
_CELLS_OF_PLACE: Final = 65_536
_CELLS_OF_SEA: Final = 8_192
"""Default numbers of cells that a network of a place and a universal one forecast together."""

_MIXED: Final = ("month",)
"""Steps of grids whose network is mixed with references by default: decision 31 says why."""

_loading = threading.Lock()


@lru_cache(maxsize=8)
def _load(release: Release, cells: tuple[str, ...]) -> Mapping[str, Model]:
    """Load the models of some cells, and of universal ones the model that chooses among them."""
    import torch

    # For networks this small, one thread is faster than two.
    torch.set_num_threads(1)
    return release.load_models(cells, partial(CheckpointFile.read, since="this run began", remedy=_REMEDY))


@dataclass(frozen=True)
class Span:
    """The steps at the end of a grid that forecasts depend on."""

    model: str
    step: TimeStep
    fewest: int
    longest: int


@dataclass(frozen=True)
class Models:
    """The models of a run, small enough to send to other processes."""

    releases: tuple[Release, ...]
    cell: str
    is_one: bool
    is_named: bool
    choice: str
    mixes: bool = False

    @property
    def metadata(self) -> CheckpointMetadata | UniversalMetadata:
        """Metadata of the network that makes all forecasts, or else of the first one."""
        release = self.releases[0]
        return release.metadata[self.cell if self.is_one else release.cells[0]]

    @property
    def is_universal(self) -> bool:
        """Whether forecasts depend on where a series is from."""
        return isinstance(self.releases[0], SeaRelease)

    @property
    def device(self) -> str:
        """Name of the device of the networks."""
        return str(self.releases[0].on)

    @property
    def name(self) -> str:
        """Full name of a network, such as ``ocean-daily-gru``; ``best`` or a cell where the step of each decides.

        That of the release if the network is mixed with references.
        """
        if self.mixes:
            return self.releases[0].dataset
        is_full = self.is_one or (self.is_named and self.cell != BEST)
        return f"{self.releases[0].dataset}-{self.cell}" if is_full else self.cell

    @property
    def network(self) -> str:
        """Full name of the network that makes all forecasts."""
        return f"{self.releases[0].dataset}-{self.cell}"

    @property
    def version(self) -> str:
        """Version of the release; of those that the step of each series chooses, each with its name."""
        if self.is_one:
            return self.releases[0].version
        return ", ".join(f"{release.dataset} {release.version}" for release in self.releases)

    @property
    def sha256(self) -> str:
        """Digest of the checkpoint, or of all checkpoints."""
        if self.is_one:
            return self.releases[0].file(f"{self.cell}.pt").sha256
        files = [(release, cell) for release in self.releases for cell in release.cells]
        lines = [f"{release.dataset} {cell} {release.file(f'{cell}.pt').sha256}" for release, cell in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def verify(self) -> Self:
        """Return the models after checking the files of all networks."""
        for release in self.releases:
            for cell in [self.cell] if self.is_one else release.cells:
                release.read(f"{cell}.pt")
        return self

    @property
    def reads_at(self) -> TimeStep | None:
        """The step that every series of a table is read at; None if each tells its own."""
        return self.releases[0].reads_at

    @property
    def knows_dependence(self) -> bool:
        """Whether the network knows how errors at different leads are related."""
        return self.metadata.dependence is not None

    @property
    def cells_per_chunk(self) -> int:
        """Default number of cells of a grid that are forecast together."""
        return _CELLS_OF_SEA if self.is_universal else _CELLS_OF_PLACE

    @property
    def span(self) -> Span:
        """The steps that the forecasts of one network depend on.

        Those of a place are the last window, the steps in which a gap may begin, and as many to evaluate it by.
        """
        known = self.metadata
        if isinstance(known, UniversalMetadata):
            return Span(self.name, known.time_step, known.minimum, known.maximum)
        return Span(self.name, known.time_step, known.window, 2 * known.window + known.fill_limit + 1)

    def check(self, horizon: int, levels: tuple[int, ...]) -> None:
        """Raise RequestError if the model does not offer ``horizon`` or ``levels`` percent."""
        if self.is_named and not 1 <= horizon <= self.metadata.horizon:
            name = self.releases[0].dataset if self.is_universal else self.name
            raise RequestError(
                f"--horizon {horizon} is out of range: {name} forecasts 1 to {self.metadata.horizon} steps of "
                f"{in_words(self.metadata.step)}",
                field="horizon",
            )
        if isinstance(self.metadata, CheckpointMetadata):
            offered = self.metadata.errors.half_width
            for level in levels:
                if level not in offered:
                    raise RequestError(
                        f"--levels {level}: no calibrated interval at this level; "
                        f"available: {', '.join(map(str, offered)) or 'none'}",
                        field="levels",
                    )

    def load(self) -> None:
        """Load the network that makes all forecasts; otherwise, the steps of the series decide which are needed."""
        if self.is_one:
            self.model_of(self.releases[0])

    def model_of(self, release: Release) -> Model:
        """Return the model of a release, loaded once in each process."""
        cells = (self.cell,) if self.is_one else release.cells
        with _loading:
            return _load(release, cells)[self.cell]

    def universal(self, pooled: PooledMixture | None = None) -> "UniversalModel":
        """Return the model of the only release, which is universal, or a mixture of it."""
        from forecasting.models.universal.model import UniversalModel

        model = self.model_of(self.releases[0])
        assert isinstance(model, UniversalModel)
        return model.mixed(pooled)

    def universal_metadata(self, dataset: str) -> dict[str, UniversalMetadata]:
        """Return the metadata of the networks of one universal release, by their full names."""
        (release,) = (each for each in self.releases if each.dataset == dataset)
        return {known.model: known for known in release.metadata.values() if isinstance(known, UniversalMetadata)}

    def at(self, step: TimeStep, horizon: int) -> Model:
        """Return the loaded model for series at ``step``: of the release for this step, or the nearest."""
        if self.is_one:
            return self.model_of(self.releases[0])
        by_step = {release.step: release for release in self.releases}
        if self.is_named and step not in by_step:
            (release,) = self.releases
            raise SeriesError(
                f"its step is {in_words(str(step))}, but {release.dataset} forecasts steps of "
                f"{in_words(str(release.step))}; leave out --dataset to let the step choose the release"
            )
        nearest = nearest_step(step, {other: release.horizon for other, release in by_step.items()}, horizon)
        if nearest is None:
            known = ", ".join(in_words(str(other)) for other in by_step)
            raise SeriesError(
                f"no universal release forecasts steps of {in_words(str(step))}, only of {known}; average it with "
                "--resample"
            )
        release = by_step[nearest]
        if self.cell not in (BEST, *release.cells):
            raise SeriesError(f"{release.dataset} has no network {self.cell}; it has {', '.join(release.cells)}")
        return self.model_of(release)


def models_for_table(selection: Selection) -> Models:
    """Return the models for a table, whose stations may differ in step."""
    releases = _releases(selection)
    _check_cell(selection.name, releases)
    if not isinstance(releases[0], SeaRelease):
        return _of_place(selection, releases[0])
    is_named = selection.release is not None
    why = "release named by the user" if is_named else "release for the step of each station"
    return Models(releases, selection.name, False, is_named, why).verify()


def models_for_grid(selection: Selection, step_of_grid: Callable[[], TimeStep]) -> Models:
    """Return the network for a grid."""
    releases, why = _releases(selection), "release named by the user"
    release = releases[0]
    if selection.release is None:
        step = step_of_grid()
        release = _at_step(releases, step)
        why = f"release for the step of the grid ({in_words(str(step))})"
    _check_cell(selection.name, [release])
    if not isinstance(release, SeaRelease):
        return _of_place(selection, release)
    is_best = selection.name == BEST
    mixes = is_best and str(release.step) in _MIXED
    how = "its best network on held-out seas" if is_best else "network named by the user"
    how += ", mixed with references if the past is long enough" if mixes else ""
    cell = release.best if is_best else selection.name
    return Models((release,), cell, True, True, f"{why}, {how}", mixes).verify()


def _of_place(selection: Selection, release: Release) -> Models:
    cell = release.best if selection.name == BEST else selection.name
    return Models((release,), cell, True, True, "release of one place, named by the user").verify()


def _releases(selection: Selection) -> tuple[Release, ...]:
    """Return the release that the user names, or all universal ones, shortest step first."""
    catalog = selection.catalog
    releases = [*catalog.served.values()] if selection.release is None else [selection.release]
    if not releases:
        raise UnknownNameError(
            "the artifacts folder has no universal release, such as ocean-daily; name a release of one place with "
            f"--dataset, {available(catalog.datasets)}"
        )
    return tuple(releases)


def _check_cell(name: str, releases: Sequence[Release]) -> None:
    known = list(dict.fromkeys(cell for release in releases for cell in release.cells))
    if name not in (BEST, *known):
        names = [f"{release.dataset}-{cell}" for release in releases for cell in release.cells]
        raise unknown_model(name, [BEST, *known, *names])


def _at_step(releases: Sequence[Release], step: TimeStep) -> Release:
    for release in releases:
        if release.step == step:
            return release
    longer = next((release.step for release in releases if release.step.seconds > step.seconds), None)
    remedy = "make its steps equal to one of these" if longer is None else f"average it with --resample {longer}"
    known = ", ".join(f"{in_words(str(release.step))} ({release.dataset})" for release in releases)
    raise NothingToForecastError(
        f"the step of the grid is {in_words(str(step))}, but universal releases forecast steps of {known}; {remedy}"
    )
