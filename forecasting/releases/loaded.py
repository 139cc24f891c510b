"""The interface of every verified release in memory, whether its networks are of one place or universal."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from forecasting.backtest.backtest import Backtest
from forecasting.evaluation.events import NO_EVENTS, RequestedEvents
from forecasting.models.base import Model
from forecasting.releases.release import Release
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep


@dataclass(frozen=True)
class Loaded(ABC):
    """A verified release in memory.

    Attributes:
        release: on disk.
        digests: sha256 of each checkpoint, by cell.
        card: ``MODEL_CARD.md``; None in a release without a model card.
    """

    release: Release
    digests: Mapping[str, str]
    card: bytes | None

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return self.release.dataset

    @property
    def version(self) -> str:
        """Version of the release."""
        return self.release.version

    @property
    @abstractmethod
    def step(self) -> TimeStep:
        """The step of the series that the networks forecast."""

    @property
    @abstractmethod
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks that serve, in the order of :attr:`Release.cells`."""

    @property
    @abstractmethod
    def best(self) -> str:
        """The cell of the network that is expected to do best."""

    @property
    def reads_at(self) -> TimeStep | None:
        """The step that every series is read at; None if each series tells its own."""
        return None

    @abstractmethod
    def select(self, name: str) -> Sequence[Model]:
        """Return the models called ``best``, ``all`` or by the name of a cell.

        Raises:
            UnknownNameError: if no such network serves.
        """

    @property
    @abstractmethod
    def references(self) -> Sequence[str]:
        """Names of the references that a backtest may have."""

    @abstractmethod
    def backtest(
        self,
        name: str,
        series: SstSeries,
        position: Floats,
        horizon: int,
        events: RequestedEvents = NO_EVENTS,
    ) -> Generator[None, None, Backtest]:
        """Forecast a series ``horizon`` steps ahead from each of its past steps, with networks and references.

        The generator yields between parts, so that the caller can do other work, or stop.

        Args:
            name: of the networks, as for :meth:`select`; ``best`` is the network that is expected to do best.
            series: at a step that the release forecasts.
            position: degrees north and east, ``(2,)``; NaN where it is not known.
            horizon: the lead that is scored.
            events: to verify.

        Raises:
            SeriesError: if no step can be scored.
        """

    @property
    def models(self) -> list[str]:
        """Full names of the networks that serve."""
        return [f"{self.dataset}-{cell}" for cell in self.cells]
