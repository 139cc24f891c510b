"""Recalibrates the intervals of a station's forecasts with what was learned from its earlier forecasts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from forecasting.scores.observed import positions_of
from forecasting.scores.threshold_events import PERSISTENCE, SIGNS
from forecasting.series.times import SECONDS, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.universal.online_calibration import OnlineCalibration
from service.stations.interval_quantiles import (
    all_quantiles_of,
    levels_of,
    probabilities_of,
    quantiles_of,
    with_quantiles,
)
from service.store.calibrations import Calibration
from service.store.issued_forecasts import IssuedForecast
from service.store.observations import Observation
from service.telemetry.verification_metrics import COUNTED_LEADS, COUNTED_LEVELS, ModelKind, Verified


class Draft(NamedTuple):
    """A forecast before it is stored.

    Attributes:
        forecast: with plain intervals.
        step: of the station.
        is_universal: whether a universal release made it, so that its intervals are recalibrated.
        events: that it has judged, as they are stored with the station.
        doubt: why the newest reading does not count; None if it does.
        doubted: the forecast if it did, which is not stored; None if no event depends on it.
    """

    forecast: IssuedForecast
    step: TimeStep
    is_universal: bool
    events: Sequence[dict[str, Any]] = ()
    doubt: str | None = None
    doubted: IssuedForecast | None = None

    @property
    def leads(self) -> int:
        """The number of leads."""
        return len(self.forecast.content["timestamps"])


class Learner(NamedTuple):
    """The state that recalibrates the intervals of a draft.

    Attributes:
        draft: the forecast.
        state: what was learned from earlier forecasts.
        until: the time of the last reading that it has learned from, Unix seconds.
    """

    draft: Draft
    state: OnlineCalibration
    until: int

    @classmethod
    def of(cls, draft: Draft, known: Calibration | None) -> "Learner":
        """Go on from what is ``known``; start anew if that is of another version or number of leads.

        A new one has nothing to learn yet: no reading so far verifies a forecast that it is about.
        """
        if known is not None and known.version == draft.forecast.version:
            state = OnlineCalibration.model_validate(known.content)
            if len(state.verified) == draft.leads:
                return cls(draft, state, known.until)
        return cls(draft, OnlineCalibration.start(draft.leads), draft.forecast.observed_until)

    def can_learn_from(self, forecast: IssuedForecast) -> bool:
        """Whether an earlier forecast is of the same model and form."""
        ours = self.draft.forecast
        return (
            (forecast.model, forecast.version) == (ours.model, ours.version)
            and len(forecast.content["timestamps"]) == self.draft.leads
            and levels_of(forecast.content["intervals"]) == levels_of(ours.content["intervals"])
        )

    def verified(
        self, earlier: Sequence[IssuedForecast], readings: Sequence[Observation]
    ) -> Iterator["VerifiedReading"]:
        """Yield each of ``readings`` with the forecasts that it verifies, at most one at each lead.

        All were made without it, since their last observation is an earlier one. Of several readings in one step, the
        last counts, as for a forecast; those in the step that was learned from last do not.

        Args:
            earlier: forecasts that it can learn from, one from each last observation.
            readings: the first reading of each time after :attr:`until`, in chronological order.
        """
        step, content = self.draft.step, self.draft.forecast.content
        start = np.datetime64(seconds_of(content["timestamps"][0]), "s")
        by_position = {
            _position(seconds_of(forecast.content["timestamps"][0]), start, step): forecast for forecast in earlier
        }
        learned = _position(self.until, start, step)
        by_step = {_position(reading.time, start, step): reading for reading in readings}
        for position, reading in by_step.items():
            if position is None or position == learned:
                continue
            forecasts = {
                lead: by_position[position - lead + 1]
                for lead in range(1, self.draft.leads + 1)
                if position - lead + 1 in by_position
            }
            if forecasts:
                yield VerifiedReading(reading.value, forecasts)

    def after(self, verified: Iterable["VerifiedReading"]) -> OnlineCalibration:
        """Return the state after these readings."""
        state, levels = self.state, levels_of(self.draft.forecast.content["intervals"])
        for reading in verified:
            state = _after(state, reading, levels)
        return state


class VerifiedReading(NamedTuple):
    """A reading, °C, and the forecasts that it verifies, by lead."""

    value: float
    forecasts: dict[int, IssuedForecast]

    def scored(self, *, is_universal: bool) -> Iterator[Verified]:
        """Yield what it says of the forecasts at the leads that are counted."""
        for lead in COUNTED_LEADS:
            if lead in self.forecasts:
                yield _scored(self.value, self.forecasts[lead], lead, is_universal=is_universal)


def _scored(value: float, forecast: IssuedForecast, lead: int, *, is_universal: bool) -> Verified:
    content, place = forecast.content, lead - 1
    baselines = content["baselines"]
    persistence = baselines.get(PERSISTENCE)
    network: ModelKind = "universal" if is_universal else "place"
    return Verified(
        lead=lead,
        kind="reference" if forecast.model in baselines else network,
        error=abs(content["sst"][place] - value),
        persistence=None if persistence is None else abs(persistence[place] - value),
        inside={
            interval["level"]: interval["lower"][place] <= value <= interval["upper"][place]
            for interval in content["intervals"]
            if interval["level"] in COUNTED_LEVELS
        },
        events=[
            (event["by_lead"][place], SIGNS[event["side"]] * (value - event["threshold"][place]) > 0)
            for event in content.get("events", ())
            if "side" in event and len(event.get("by_lead", ())) >= lead
        ],
    )


def recalibrated(draft: Draft, state: OnlineCalibration) -> IssuedForecast:
    """Return the forecast to issue; its plain intervals stay in ``plain`` if anything was learned yet."""
    if not any(state.verified):
        return draft.forecast
    content = draft.forecast.content
    plain = content["intervals"]
    quantiles = state.recalibrate(all_quantiles_of(plain), probabilities_of(levels_of(plain)))
    return replace(draft.forecast, content={**content, "intervals": with_quantiles(plain, quantiles)}, plain=plain)


def _after(state: OnlineCalibration, reading: VerifiedReading, levels: tuple[float, ...]) -> OnlineCalibration:
    probabilities, leads = probabilities_of(levels), len(state.verified)
    plain, issued = (np.full((leads, len(probabilities)), np.nan) for _ in range(2))
    observed = np.full(leads, np.nan)
    for lead, forecast in reading.forecasts.items():
        intervals = forecast.content["intervals"]
        issued[lead - 1] = quantiles_of(intervals, lead)
        plain[lead - 1] = quantiles_of(intervals if forecast.plain is None else forecast.plain, lead)
        observed[lead - 1] = reading.value
    return state.after(plain, issued, probabilities, observed)


def _position(time: int, start: np.datetime64, step: TimeStep) -> int | None:
    """Return how many steps a time is after ``start``; None if it is between two steps."""
    positions, near = positions_of(np.array([time]).view(SECONDS), step, start)
    return int(positions[0]) if near[0] else None
