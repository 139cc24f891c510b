"""The metrics of stations: counts of this process, and what the database says when it is asked.

No metric is about one station.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Final, Literal, NamedTuple, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.metrics_core import GaugeMetricFamily

from forecasting.scores.events import BIN_EDGES, bin_of

COUNTED_LEVELS: Final = (80, 95)
"""Percent: intervals whose coverage is counted."""

COUNTED_LEADS: Final = (1, 3, 7)
"""Steps ahead that are counted, so that the number of time series does not grow with the horizon."""

ModelKind = Literal["universal", "place", "reference"]
"""What made a forecast: a universal network, the network of a place, or a reference such as persistence."""

StoreCall = Literal["read", "read_long", "write"]
"""A call of the database; ``read_long`` reads whole archives, one at a time."""

Delivered = Literal["delivered", "failed", "given_up"]
"""The outcome of an attempt to deliver an alert. A failed one is tried again."""

_STORE_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class VerifiedForecast(NamedTuple):
    """A forecast at one lead, once its reading has arrived."""

    lead: int
    kind: ModelKind
    error: float
    persistence: float | None
    inside: dict[int, bool]
    events: list[tuple[float, bool]]


class StationFigures(NamedTuple):
    """The figures of all stations in the database."""

    stations: int
    oldest_newest: int | None
    pending: int = 0
    oldest_pending: int | None = None
    failing: int = 0


class StoreState(NamedTuple):
    """Whether the database of stations takes writes."""

    exists: bool
    trouble: str | None


class StationMetrics:
    """Counts what happens to the readings and forecasts of all stations.

    Every time series is there from the start, as zero: Prometheus would miss the increase to its first value.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, labels: Mapping[str, Iterable[str]]) -> Counter:
            made = Counter(f"sst_station_{name}_total", text, tuple(labels), registry=registry)
            for values in product(*labels.values()):
                made.labels(*values)
            return made

        outcomes = ("new", "revised", "unchanged", "refused")
        self._readings = counter(
            "readings", "Readings received: new, revised, unchanged or refused.", {"outcome": outcomes}
        )
        self._issued = Counter("sst_station_forecasts_total", "Forecasts issued for stations.", registry=registry)
        lead = {"lead": [*map(str, COUNTED_LEADS)], "kind": get_args(ModelKind)}
        self._verified = counter(
            "verified",
            "Forecasts 1, 3 and 7 steps ahead whose reading has arrived, by kind of model: the network of a place, a "
            "universal network, or a reference.",
            lead,
        )
        self._error = counter(
            "absolute_error_celsius",
            "Sum of the absolute errors of verified forecasts. Divide its rate by that of sst_station_verified_total "
            "to get the mean.",
            lead,
        )
        self._persistence = counter(
            "persistence_error_celsius", "Sum of the absolute errors of persistence for the same readings.", lead
        )
        self._intervals = counter(
            "intervals",
            "Issued intervals of verified forecasts, by level in percent and by whether the reading is inside.",
            lead | {"level": [*map(str, COUNTED_LEVELS)], "outcome": ("inside", "outside")},
        )
        self._events = counter(
            "events",
            "Issued probabilities that SST is beyond the threshold of an event, by range, such as 0.1-0.3, and by "
            "whether the reading is.",
            lead | {"probability": [*map(_bin, BIN_EDGES[:-1])], "outcome": ("beyond", "not_beyond")},
        )
        self._store = Histogram(
            "sst_store_seconds",
            "Duration of a call to the database of stations, including the wait for a thread: read, read_long (whole "
            "archives) or write.",
            ("call",),
            registry=registry,
            buckets=_STORE_SECONDS,
        )
        for call in get_args(StoreCall):
            self._store.labels(call)
        self._deliveries = counter(
            "deliveries",
            "Attempts to deliver an alert to a webhook or an address: delivered, failed (to be retried) or given_up.",
            {"outcome": get_args(Delivered)},
        )
        self._fetches = counter(
            "fetches",
            "Fetches of readings and of weather, one for each station: succeeded or failed.",
            {"outcome": ("succeeded", "failed")},
        )

    def store_call(self, call: StoreCall, seconds: float) -> None:
        """Count a call of the database."""
        self._store.labels(call).observe(seconds)

    def attempted(self, outcome: Delivered) -> None:
        """Count an attempt to deliver an alert."""
        self._deliveries.labels(outcome).inc()

    def fetched(self, *, succeeded: bool) -> None:
        """Count a fetch."""
        self._fetches.labels("succeeded" if succeeded else "failed").inc()

    def readings(self, counts: Mapping[str, int]) -> None:
        """Count readings that have arrived, by outcome."""
        for outcome, count in counts.items():
            self._readings.labels(outcome).inc(count)

    def issued(self, count: int) -> None:
        """Count forecasts that were issued."""
        self._issued.inc(count)

    def verified(self, forecasts: Iterable[VerifiedForecast]) -> None:
        """Count forecasts whose reading has arrived."""
        for forecast in forecasts:
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


def station_gauges(figures: StationFigures | None, now: int, *, is_up: bool) -> Iterator[Metric]:
    """Yield what the database says as metrics."""
    up = (
        "1 if the database of stations can be read and has taken a write within the last ten seconds, or can be "
        "created if there is none; else 0."
    )
    yield GaugeMetricFamily("sst_store_up", up, int(is_up))
    if figures is None:
        return

    def age(time: int | None) -> int:
        return 0 if time is None else now - time

    for name, text, value in (
        ("sst_stations", "Stations that the service stores.", figures.stations),
        (
            "sst_station_oldest_newest_reading_age_seconds",
            "Age of the newest reading of the station that has been silent the longest; 0 without readings.",
            age(figures.oldest_newest),
        ),
        (
            "sst_station_deliveries_pending",
            "Deliveries of alerts that are waiting for a first attempt or a retry.",
            figures.pending,
        ),
        (
            "sst_station_oldest_pending_delivery_age_seconds",
            "Age of the oldest alert with a pending delivery; 0 without any.",
            age(figures.oldest_pending),
        ),
        ("sst_station_sources_failing", "Stations whose last fetch of readings or of weather failed.", figures.failing),
    ):
        yield GaugeMetricFamily(name, text, value)
