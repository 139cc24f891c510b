"""The metrics of stations: counts of this process, and what the database says when it is asked."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.metrics_core import GaugeMetricFamily

from service.telemetry.verification_metrics import VerificationMetrics, Verified

_OUTCOMES: Final = ("new", "revised", "unchanged", "refused")

StoreCall = Literal["read", "read_long", "write"]
"""A call of the database; ``read_long`` reads whole archives, one at a time."""

_STORE_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Delivered = Literal["delivered", "failed", "given_up"]
"""The outcome of an attempt to deliver an alert. A failed one is tried again."""


class StationFigures(NamedTuple):
    """The figures of all stations in the database.

    Attributes:
        stations: how many there are.
        oldest_newest: time of the newest reading of the station that has been silent for longest, Unix seconds; None
            without readings.
        pending: how many deliveries of alerts are to be made, or tried again.
        oldest_pending: when the alert of the oldest of them was raised; None without any.
        failing: at how many stations the last fetch failed.
    """

    stations: int
    oldest_newest: int | None
    pending: int = 0
    oldest_pending: int | None = None
    failing: int = 0


class StationMetrics:
    """Counts what happens to the readings and forecasts of all stations; no metric is about one of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        readings = Counter(
            "sst_station_readings_total", "Readings received, by outcome.", ("outcome",), registry=registry
        )
        self._readings = {outcome: readings.labels(outcome).inc for outcome in _OUTCOMES}
        self._issued = Counter("sst_station_forecasts_total", "Forecasts issued.", registry=registry)
        self._scores = VerificationMetrics(registry)
        store = Histogram(
            "sst_store_seconds",
            "Duration of a call to the database of stations, including the wait for a thread.",
            ("call",),
            registry=registry,
            buckets=_STORE_SECONDS,
        )
        self._store = {call: store.labels(call).observe for call in get_args(StoreCall)}
        deliveries = Counter(
            "sst_station_deliveries_total",
            "Attempts to deliver an alert to a webhook, by outcome.",
            ("outcome",),
            registry=registry,
        )
        self._deliveries = {outcome: deliveries.labels(outcome).inc for outcome in get_args(Delivered)}
        fetches = Counter(
            "sst_station_fetches_total",
            "Fetches from the sources of stations, by outcome.",
            ("outcome",),
            registry=registry,
        )
        self._fetches = {
            succeeded: fetches.labels(outcome).inc for succeeded, outcome in ((True, "succeeded"), (False, "failed"))
        }

    def store_call(self, call: StoreCall, seconds: float) -> None:
        """Count a call of the database."""
        self._store[call](seconds)

    def attempted(self, outcome: Delivered) -> None:
        """Count an attempt to deliver an alert."""
        self._deliveries[outcome](1)

    def fetched(self, *, succeeded: bool) -> None:
        """Count a fetch."""
        self._fetches[succeeded](1)

    def readings(self, counts: Mapping[str, int]) -> None:
        """Count readings that have arrived, by outcome."""
        for outcome, count in counts.items():
            self._readings[outcome](count)

    def issued(self, count: int) -> None:
        """Count forecasts that were issued."""
        self._issued.inc(count)

    def verified(self, forecasts: Iterable[Verified]) -> None:
        """Count forecasts whose reading has arrived."""
        for forecast in forecasts:
            self._scores.count(forecast)


def station_gauges(figures: StationFigures | None, now: int) -> Iterator[Metric]:
    """Yield what the database says as metrics.

    Args:
        figures: None if the database cannot be used.
        now: Unix seconds.
    """
    up = "1 if the database of stations can be used, else 0."
    yield GaugeMetricFamily("sst_store_up", up, 0 if figures is None else 1)
    if figures is None:
        return
    yield GaugeMetricFamily("sst_stations", "Stations that the service stores.", figures.stations)
    yield GaugeMetricFamily(
        "sst_station_oldest_newest_reading_age_seconds",
        "Age of the newest reading of the station that has been silent the longest; 0 without readings.",
        0 if figures.oldest_newest is None else now - figures.oldest_newest,
    )
    yield GaugeMetricFamily(
        "sst_station_deliveries_pending",
        "Deliveries of alerts that are waiting for a first attempt or a retry.",
        figures.pending,
    )
    yield GaugeMetricFamily(
        "sst_station_oldest_pending_delivery_age_seconds",
        "Age of the oldest alert with a pending delivery; 0 without any.",
        0 if figures.oldest_pending is None else now - figures.oldest_pending,
    )
    yield GaugeMetricFamily(
        "sst_station_sources_failing", "Stations whose last fetch from their source failed.", figures.failing
    )
