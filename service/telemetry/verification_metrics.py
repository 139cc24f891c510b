"""The metrics of how good the forecasts of stations turn out to be, over all stations."""

from itertools import product
from typing import Final, Literal, NamedTuple, get_args

from prometheus_client import CollectorRegistry, Counter

from forecasting.scores.events import BIN_EDGES, bin_of

COUNTED_LEVELS: Final = (80, 95)
"""Percent: intervals whose coverage is counted."""


COUNTED_LEADS: Final = (1, 3, 7)
"""Steps ahead that are counted, so that the number of time series does not grow with the horizon."""

ModelKind = Literal["universal", "place", "reference"]
"""What made a forecast: a universal network, the network of a place, or a reference such as persistence."""


class Verified(NamedTuple):
    """A forecast at one lead, once its reading has arrived.

    Attributes:
        lead: from :data:`COUNTED_LEADS`.
        kind: of its model.
        error: its absolute error, °C.
        persistence: that of persistence, °C; None if it was issued without.
        inside: whether the reading is inside its interval of a level, as it was issued.
        events: of each threshold event, the probability that SST is beyond the threshold, and whether it is.
    """

    lead: int
    kind: ModelKind
    error: float
    persistence: float | None
    inside: dict[int, bool]
    events: list[tuple[float, bool]]


class VerificationMetrics:
    """Counts forecasts whose reading has arrived, by lead and kind of model; no metric is about one station."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"sst_station_{name}", text, ("lead", "kind", *labels), registry=registry)

        self._verified = counter("verified_total", "Forecasts 1, 3 and 7 steps ahead whose reading has arrived.")
        self._error = counter(
            "absolute_error_celsius_total",
            "Sum of the absolute errors of verified forecasts. Divide its rate by that of sst_station_verified_total "
            "to get the mean.",
        )
        self._persistence = counter(
            "persistence_error_celsius_total", "Sum of the absolute errors of persistence for the same readings."
        )
        self._intervals = counter(
            "intervals_total",
            "Issued intervals of verified forecasts, by level in percent and by whether the reading is inside.",
            "level",
            "outcome",
        )
        self._events = counter(
            "events_total",
            "Issued probabilities that SST is beyond the threshold of an event, by whether the reading is.",
            "probability",
            "outcome",
        )
        self._begin()

    def _begin(self) -> None:
        """Show every time series from the start, as zero: Prometheus would miss the increase to its first value."""
        for labels in product(map(str, COUNTED_LEADS), get_args(ModelKind)):
            for counter in (self._verified, self._error, self._persistence):
                counter.labels(*labels)
            for level, outcome in product(map(str, COUNTED_LEVELS), ("inside", "outside")):
                self._intervals.labels(*labels, level, outcome)
            for probability, outcome in product(BIN_EDGES[:-1], ("beyond", "not_beyond")):
                self._events.labels(*labels, _bin(probability), outcome)

    def count(self, forecast: Verified) -> None:
        """Count a forecast."""
        labels = str(forecast.lead), forecast.kind
        self._verified.labels(*labels).inc()
        self._error.labels(*labels).inc(forecast.error)
        if forecast.persistence is not None:
            self._persistence.labels(*labels).inc(forecast.persistence)
        for level, inside in forecast.inside.items():
            self._intervals.labels(*labels, str(level), "inside" if inside else "outside").inc()
        for probability, is_beyond in forecast.events:
            self._events.labels(*labels, _bin(probability), "beyond" if is_beyond else "not_beyond").inc()


def _bin(probability: float) -> str:
    low, high = bin_of(probability)
    return f"{low:g}-{high:g}"
