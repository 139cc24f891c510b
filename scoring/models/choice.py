"""The choice of a model by its name or by the step of the input."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forecasting.errors import RequestError, UnknownNameError
from forecasting.evaluation.report import parse_report
from forecasting.networks.checkpoint_file import CheckpointFile
from forecasting.networks.metadata import digest, parse_metadata
from forecasting.releases.release import Release, dataset_names, open_current, universal_names
from forecasting.releases.trusted_keys import TrustedKeys
from forecasting.series.timestep import TimeStep, in_words
from forecasting.universal.network.metadata import parse_universal_metadata
from forecasting.wording import available
from scoring.errors import NothingToForecastError
from scoring.models.model import CellModel, Model
from scoring.models.place_model import PlaceModel
from scoring.models.universal_model import UniversalFiles, UniversalModels, UniversalNetwork

BEST: Final = "best"


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

    def for_table(self) -> Model:
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
        return UniversalModels(releases, self.cell, release is not None, self.device)

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
            return UniversalNetwork(files.only(self.cell), f"{why}, network named by the user", self.device)
        best = files.best_on_held_out
        return UniversalNetwork(files.only(best), f"{why}, its best network on held-out seas", self.device)

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

    def _check_cell(self, releases: tuple[UniversalFiles, ...]) -> None:
        known = list(dict.fromkeys(cell for release in releases for cell in release.metadata))
        if self.cell not in known:
            names = [f"{release.name}-{cell}" for release in releases for cell in release.metadata]
            raise UnknownNameError(f"no model {self.cell[:64]!r}; {available([BEST, *known, *names])}")

    def _place_model(self, release: Release) -> PlaceModel:
        cell = self.cell
        if cell == BEST:
            cell = parse_report(release.read("report.json")).best.name
        name = f"{cell}.pt"
        if name not in release.manifest.files:
            raise UnknownNameError(
                f"no model {self.cell[:64]!r} in {release.path}; {available([BEST, *release.cells])}"
            )
        metadata = parse_metadata(release.read(f"{cell}.json"))
        file = CheckpointFile((release.path / name).resolve(), digest(release.read(name)))
        return PlaceModel(file, metadata, self.device)


def _files(release: Release) -> UniversalFiles:
    cells = release.cells
    networks = [
        (cell, CheckpointFile((release.path / f"{cell}.pt").resolve(), digest(release.read(f"{cell}.pt"))))
        for cell in cells
    ]
    metadata = {cell: parse_universal_metadata(release.read(f"{cell}.json")) for cell in cells}
    return UniversalFiles(release.dataset, release.version, tuple(networks), metadata)


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
