"""The networks and options that a columnar request applies to each of its series."""

from collections.abc import Sequence
from dataclasses import dataclass

from forecasting.networks.forecaster import Forecaster
from service.engine.options import DEFAULT_LEVELS, ForecastOptions
from service.engine.universal.job import UniversalJob


@dataclass(frozen=True)
class ColumnJob:
    """The networks and the options of a request.

    Attributes:
        forecasters: networks of a place's release; empty if universal networks forecast.
        universal: the universal networks, without series; None if those of a place forecast.
        options: what each forecast contains.
    """

    forecasters: Sequence[Forecaster]
    universal: UniversalJob | None
    options: ForecastOptions

    @property
    def levels(self) -> tuple[int, ...]:
        """Interval levels of all networks, percent."""
        if self.universal is not None:
            return DEFAULT_LEVELS if self.options.levels is None else self.options.levels
        levels = [self.options.levels_of(forecaster.metadata.errors) for forecaster in self.forecasters]
        return tuple(dict.fromkeys(level for some in levels for level in some))

    @property
    def networks(self) -> int:
        """How many forecasts each series gets."""
        return len(self.forecasters) if self.universal is None else len(self.universal.columns)
