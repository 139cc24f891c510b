"""The models of a run, as files: chosen among the releases on disk, and loaded once in each process.

Imports no torch until they are loaded.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from forecasting.errors import RequestError, SeriesError, UnknownNameError
from forecasting.evaluation.report import parse_report
from forecasting.models.base import BEST, Model
from forecasting.models.metadata import CheckpointMetadata, parse_metadata
from forecasting.models.universal.metadata import UniversalMetadata, parse_universal_metadata
from forecasting.releases.release import Release, dataset_names, open_current, universal_names
from forecasting.releases.trust import TrustedKeys
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import available
from scoring.errors import NothingToForecastError

_CELLS_OF_PLACE: Final = 65_536
_CELLS_OF_SEA: Final = 16_384
"""Default numbers of cells that a network of a place and a universal one forecast together."""

_loading = threading.Lock()


@dataclass(frozen=True)
class Networks:
    """Networks of one release, as files.

    Attributes:
        cells: of the networks.
        sha256: digests of their checkpoints.
        release: that they are from.
        metadata: by cell; those of a universal release share step, horizon and contexts.
    """

    cells: tuple[str, ...]
    sha256: tuple[str, ...]
    release: Release = field(compare=False)
    metadata: Mapping[str, CheckpointMetadata | UniversalMetadata] = field(compare=False)

    @classmethod
    def of(cls, release: Release, cells: Sequence[str] = ()) -> "Networks":
        """Verify and describe the networks of ``cells``, or else all.

        Raises:
            ReleaseError: if a file is missing or altered.
        """
        cells, parse = (
            tuple(cells or release.cells),
            parse_universal_metadata if release.is_universal else parse_metadata,
        )
        for cell in cells:
            release.read(f"{cell}.pt")
        digests = tuple(release.manifest.files[f"{cell}.pt"].sha256 for cell in cells)
        metadata = {cell: parse(release.read(f"{cell}.json")) for cell in cells}
        # Absolute, so that another process finds it too.
        return cls(cells, digests, replace(release, path=release.path.resolve()), metadata)

    def only(self, cell: str) -> "Networks":
        """Return one of the networks."""
        return Networks((cell,), (self.sha256[self.cells.index(cell)],), self.release, {cell: self.metadata[cell]})

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.release.dataset

    @property
    def any_metadata(self) -> CheckpointMetadata | UniversalMetadata:
        """Metadata of one network, for what they share."""
        return self.metadata[self.cells[0]]

    @property
    def step(self) -> TimeStep:
        """Step of the series that the networks forecast."""
        return self.any_metadata.time_step

    @property
    def best_on_held_out(self) -> str:
        """The cell of the universal network with the lowest RMSE on held-out seas."""
        scores = {c: known.held_out_score for c, known in self.metadata.items() if isinstance(known, UniversalMetadata)}
        return min(scores, key=scores.__getitem__)

    def load(self, device: str) -> Mapping[str, Model]:
        """Load the networks, once in each process; returns the model of each cell, and of ``best`` if universal.

        Raises:
            ReleaseError: if a file is missing or has changed.
        """
        with _loading:
            return _load(self, device)


@lru_cache(maxsize=8)
def _load(networks: Networks, device_name: str) -> Mapping[str, Model]:
    import torch

    from forecasting.models import checkpoint
    from forecasting.models.place.forecaster import Forecaster
    from forecasting.models.universal.model import UniversalModel
    from forecasting.models.universal.network import UniversalForecaster, load
    from forecasting.models.universal.release import UniversalRelease

    # For networks this small, one thread is faster than two.
    torch.set_num_threads(1)
    device, release = checkpoint.choose_device(device_name), networks.release
    contents = {cell: release.read(f"{cell}.pt") for cell in networks.cells}
    if not release.is_universal:
        return {cell: Forecaster(*checkpoint.load(content, device), device) for cell, content in contents.items()}
    loaded: dict[str, UniversalForecaster] = {}
    for cell, content in contents.items():
        loaded[cell] = load(content, device, beside=[*loaded.values()])
    universal = UniversalRelease(release.dataset, release.version, release.path, loaded)
    return {cell: UniversalModel(universal, cell) for cell in (*loaded, BEST)}


@dataclass(frozen=True)
class Span:
    """The steps at the end of a grid that forecasts depend on.

    Attributes:
        model: name of the model, for messages.
        step: of the model.
        fewest: steps that a forecast needs.
        longest: steps that are used, if there are as many.
    """

    model: str
    step: TimeStep
    fewest: int
    longest: int


@dataclass(frozen=True)
class Models:
    """The models of a run, small enough to send to other processes.

    Attributes:
        releases: at least one; of several, the step of each series chooses.
        cell: ``best``, or the cell that the user named.
        is_one: whether all forecasts are by one network, which is the only one of the only release.
        is_named: whether the user named the release.
        choice: how the models were chosen, as a phrase.
        device: that the networks run on.
    """

    releases: tuple[Networks, ...]
    cell: str
    is_one: bool
    is_named: bool
    choice: str
    device: str = "cpu"

    @property
    def metadata(self) -> CheckpointMetadata | UniversalMetadata:
        """Metadata of the first network."""
        return self.releases[0].any_metadata

    @property
    def is_universal(self) -> bool:
        """Whether forecasts depend on where a series is from."""
        return isinstance(self.metadata, UniversalMetadata)

    @property
    def name(self) -> str:
        """Full name of a network, such as ``ocean-daily-gru``; ``best`` or a cell where the step of each decides."""
        if self.is_one:
            return self.metadata.model
        return f"{self.releases[0].name}-{self.cell}" if self.is_named and self.cell != BEST else self.cell

    @property
    def version(self) -> str:
        """Version of the release; of those that the step of each series chooses, each with its name."""
        if self.is_one:
            return self.metadata.version
        return ", ".join(f"{networks.name} {networks.release.version}" for networks in self.releases)

    @property
    def sha256(self) -> str:
        """Digest of the checkpoint, or of all checkpoints."""
        if self.is_one:
            return self.releases[0].sha256[0]
        lines = [
            f"{networks.name} {cell} {sha256}"
            for networks in self.releases
            for cell, sha256 in zip(networks.cells, networks.sha256, strict=True)
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def reads_at(self) -> TimeStep | None:
        """The step that every series of a table is read at; None if each tells its own."""
        return None if self.is_universal else self.metadata.time_step

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
            name = self.releases[0].name if self.is_universal else self.name
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
        """Load the networks if all forecasts are by them; otherwise, the steps of the series decide which are needed.

        Raises:
            ReleaseError: if a file is missing or has changed.
        """
        if self.is_one:
            self.releases[0].load(self.device)

    @property
    def model(self) -> Model:
        """The loaded network that makes all forecasts.

        Raises:
            ReleaseError: if a file is missing or has changed.
        """
        return self.releases[0].load(self.device)[self.releases[0].cells[0]]

    def universal_metadata(self, dataset: str) -> dict[str, UniversalMetadata]:
        """Return the metadata of the networks of one universal release, by their full names."""
        (networks,) = (each for each in self.releases if each.name == dataset)
        return {known.model: known for known in networks.metadata.values() if isinstance(known, UniversalMetadata)}

    def at(self, step: TimeStep, horizon: int) -> Model:
        """Return the loaded model for series at ``step``: of the release for this step, or the nearest.

        Raises:
            SeriesError: if there is none.
        """
        if self.is_one:
            return self.model
        networks = self._networks_at(step, horizon)
        if self.cell not in (BEST, *networks.cells):
            raise SeriesError(f"{networks.name} has no network {self.cell}; it has {', '.join(networks.cells)}")
        return networks.load(self.device)[self.cell]

    def _networks_at(self, step: TimeStep, horizon: int) -> Networks:
        from forecasting.models.universal.resampling import nearest_step  # imports torch

        by_step = {networks.step: networks for networks in self.releases}
        if self.is_named and step not in by_step:
            (networks,) = self.releases
            raise SeriesError(
                f"its step is {in_words(str(step))}, but {networks.name} forecasts steps of "
                f"{in_words(str(networks.step))}; leave out --dataset to let the step choose the release"
            )
        horizons = {other: networks.any_metadata.horizon for other, networks in by_step.items()}
        nearest = nearest_step(step, horizons, horizon)
        if nearest is None:
            known = ", ".join(in_words(str(other)) for other in by_step)
            raise SeriesError(
                f"no universal release forecasts steps of {in_words(str(step))}, only of {known}; average it with "
                "--resample"
            )
        return by_step[nearest]


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

    def for_table(self) -> Models:
        """Return the models for a table, whose stations may differ in step.

        Raises:
            ForecastError: if there is no such model, or its release cannot be used.
        """
        release = self._release()
        if release is not None and not release.is_universal:
            return self._of_place(release)
        releases = self._universal() if release is None else (Networks.of(release),)
        self._check_cell(releases)
        why = "release for the step of each station" if release is None else "release named by the user"
        return Models(releases, self.cell, False, release is not None, why, self.device)

    def for_grid(self, step_of_grid: Callable[[], TimeStep]) -> Models:
        """Return the network for a grid.

        Args:
            step_of_grid: returns the step of the grid; called only if the step chooses the release.

        Raises:
            NothingToForecastError: if no universal release forecasts this step.
            ForecastError: if there is no such model, or its release cannot be used.
        """
        release = self._release()
        if release is None:
            step = step_of_grid()
            networks = _at_step(self._universal(), step)
            why = f"release for the step of the grid ({in_words(str(step))})"
        elif release.is_universal:
            networks, why = Networks.of(release), "release named by the user"
        else:
            return self._of_place(release)
        self._check_cell((networks,))
        cell = networks.best_on_held_out if self.cell == BEST else self.cell
        how = "its best network on held-out seas" if self.cell == BEST else "network named by the user"
        return Models((networks.only(cell),), cell, True, True, f"{why}, {how}", self.device)

    def _release(self) -> Release | None:
        return None if self.dataset is None else open_current(self.artifacts, self.dataset, self.trusted)

    def _universal(self) -> tuple[Networks, ...]:
        """Return the networks of all universal releases, shortest step first.

        Raises:
            UnknownNameError: if there are none.
        """
        names = universal_names(self.artifacts)
        releases = [Networks.of(open_current(self.artifacts, name, self.trusted)) for name in names]
        if not releases:
            places = available(dataset_names(self.artifacts))
            raise UnknownNameError(
                f"{self.artifacts} has no universal release, such as ocean-daily; name a release of one place with "
                f"--dataset, {places}"
            )
        return tuple(sorted(releases, key=lambda networks: networks.step.seconds))

    def _check_cell(self, releases: Sequence[Networks]) -> None:
        known = list(dict.fromkeys(cell for networks in releases for cell in networks.cells))
        if self.cell not in (BEST, *known):
            names = [f"{networks.name}-{cell}" for networks in releases for cell in networks.cells]
            raise UnknownNameError(f"no model {self.cell[:64]!r}; {available([BEST, *known, *names])}")

    def _of_place(self, release: Release) -> Models:
        cell = self.cell
        if cell == BEST:
            cell = parse_report(release.read("report.json")).best.name
        if cell not in release.cells:
            raise UnknownNameError(
                f"no model {self.cell[:64]!r} in {release.path}; {available([BEST, *release.cells])}"
            )
        why = "release of one place, named by the user"
        return Models((Networks.of(release, [cell]),), cell, True, True, why, self.device)


def _at_step(releases: Sequence[Networks], step: TimeStep) -> Networks:
    for networks in releases:
        if networks.step == step:
            return networks
    longer = next((networks.step for networks in releases if networks.step.seconds > step.seconds), None)
    remedy = "make its steps equal to one of these" if longer is None else f"average it with --resample {longer}"
    known = ", ".join(f"{in_words(str(networks.step))} ({networks.name})" for networks in releases)
    raise NothingToForecastError(
        f"the step of the grid is {in_words(str(step))}, but universal releases forecast steps of {known}; {remedy}"
    )
