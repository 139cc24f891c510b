"""A universal release in memory: its networks forecast series from places that they have never seen."""

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, replace

import torch

from forecasting.backtest.backtest import Backtest
from forecasting.backtest.universal import rolling_universal
from forecasting.errors import ForecastError, ReleaseError, UnknownNameError
from forecasting.evaluation.events import NO_EVENTS, RequestedEvents
from forecasting.models.base import ALL, BEST, Model, climatology_at, on_land
from forecasting.models.metadata import CELLS
from forecasting.models.universal.model import UniversalModel
from forecasting.models.universal.references import REFERENCES
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.report import UniversalReport, parse_universal_report
from forecasting.releases.loaded import Loaded
from forecasting.releases.release import Release
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from forecasting.wording import available


@dataclass(frozen=True)
class LoadedUniversal(Loaded):
    """A verified universal release in memory.

    Attributes:
        networks: the release, ready to forecast.
        device: that the networks run on.
        serving: cells of its networks that serve, in the order of :data:`~forecasting.models.metadata.CELLS`.
        report: how the networks did on held-out seas; None in a release without a report.
    """

    networks: UniversalRelease
    device: torch.device
    serving: tuple[str, ...]
    report: UniversalReport | None

    @classmethod
    def load(cls, release: Release, device: torch.device) -> "LoadedUniversal":
        """Load the networks of ``release``, and verify its other files.

        Raises:
            ReleaseError: if a file is missing, altered or invalid.
        """
        others = {name: release.read(name) for name in release.manifest.files if not name.endswith(".pt")}
        try:
            networks = UniversalRelease.open(release, device)
            report = parse_universal_report(others["report.json"]) if "report.json" in others else None
        except ReleaseError:
            raise
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{release.path} cannot be used: {error}") from None
        digests = {cell: release.manifest.files[f"{cell}.pt"].sha256 for cell in networks.networks}
        return cls(release, digests, others.get("MODEL_CARD.md"), networks, device, tuple(networks.networks), report)

    @property
    def step(self) -> TimeStep:
        """The step of the series that the networks forecast."""
        return self.networks.step

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks that serve, in the order of :data:`~forecasting.models.metadata.CELLS`."""
        return self.serving

    @property
    def best(self) -> str:
        """The cell of the network that did best on held-out seas."""
        return self.networks.best_on_held_out

    def without(self, models: Collection[str]) -> "LoadedUniversal":
        """Return the release without the networks of these full names."""
        kept = tuple(cell for cell in self.cells if f"{self.dataset}-{cell}" not in models)
        networks = self.networks.without([cell for cell in self.cells if cell not in kept])
        # Networks that are all unloaded stay, for what the release says of itself.
        return replace(self, networks=networks or self.networks, serving=kept)

    def select(self, name: str) -> Sequence[Model]:
        """See :meth:`~forecasting.releases.loaded.Loaded.select`; ``best`` chooses a network for each series."""
        return [UniversalModel(self.networks, cell) for cell in self.select_cells(name)]

    def select_cells(self, model: str) -> tuple[str, ...]:
        """Return what ``best``, ``all`` or the name of a cell means: ``best`` itself, or cells.

        Raises:
            UnknownNameError: if no such network serves.
        """
        chosen = self.cells if model == ALL or (self.cells and model == BEST) else (model,)
        if not self.cells:
            raise UnknownNameError(f"all models of {self.dataset} are unloaded: load one again")
        if model == BEST:
            return (BEST,)
        if not set(chosen) <= set(self.cells):
            raise UnknownNameError(f"no model {model[:64]!r}; {available([BEST, ALL, *CELLS, *self.models])}")
        return chosen

    @property
    def references(self) -> Sequence[str]:
        """See :attr:`~forecasting.releases.loaded.Loaded.references`."""
        return REFERENCES

    def backtest(
        self,
        name: str,
        series: SstSeries,
        position: Floats,
        horizon: int,
        events: RequestedEvents = NO_EVENTS,
    ) -> Generator[None, None, Backtest]:
        """See :meth:`~forecasting.releases.loaded.Loaded.backtest`; the release may have another step."""
        cells = [self.best] if name == BEST else self.select_cells(name)
        coefficients = climatology_at(position[None])[0]
        backtest = yield from rolling_universal(self.networks, cells, series, coefficients, horizon, events)
        return backtest.with_warnings(on_land(position, coefficients))
