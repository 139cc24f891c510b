"""Warnings about a forecast."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

WarningCode = Literal[
    "adjusted",
    "gap_filled",
    "outside_training",
    "no_climatology",
    "no_linear",
    "scored_later",
    "late",
    "doubtful_position",
    "reference_is_better",
    "resampled",
    "short_baseline",
    "coarse_baseline",
    "suspect_value",
    "fill_value",
    "flat_line",
    "implausible_forecast",
    "doubtful_step",
    "short_horizon",
    "approximate_mmm",
    "incomplete_past",
    "no_weather_ahead",
    "weather_ends_early",
    "weather_not_used",
    "weather_ignored",
    "weather_unavailable",
    "weather_late",
    "alerts_too_late",
]

MEANINGS: Final[Mapping[WarningCode, str]] = {
    "adjusted": "Times were sorted, or a repeated one was dropped.",
    "gap_filled": "Missing values were interpolated (gaps of up to an eighth of the window) or bridged (universal "
    "networks).",
    "outside_training": "The window is unlike the training data: a value is more than two one-step spreads outside "
    "their range, its RMS increment (root mean square change per step) is 1.5 times larger or smaller than in any "
    "training window, its calendar month is missing from them, or, with five years or more, its values are 1.4 times "
    "farther from normal for the time of year. Intervals and probabilities are marked `calibrated: false`.",
    "no_climatology": "A place's model: persistence is the only reference, because the series has less than two years "
    "of values, or not every month. A universal network: the position is ignored, because it is on land or disagrees "
    "with the values.",
    "no_linear": "`POST /compare`: gaps leave too few windows for the linear autoregression.",
    "scored_later": "`POST /compare`: the first steps are not scored, because the baselines need a longer past.",
    "late": "The last observation is more than two steps older than now, or than `as_of`; in `POST /forecast`, the "
    "series ends in missing values.",
    "doubtful_position": "The usual temperatures of the position differ a lot from the series: check the position, or "
    "the units.",
    "reference_is_better": "The network that you named did worse than a reference on the past of the series.",
    "resampled": "The series was forecast at the step of the nearest universal release.",
    "short_baseline": "The baseline of events covers fewer than thirty years.",
    "coarse_baseline": "The baseline of events is the climatology of the position, as the request says.",
    "suspect_value": "One of the last three values is implausible, or a value may mark a missing one; `calibrated: "
    "false`. With `check`: implausible values were left out.",
    "fill_value": "Values of exactly 0 or −1 °C, far from the values before and after, were left out as missing.",
    "flat_line": "The series ends in a run of one value that its other values do not explain: at least twelve, and "
    "four times any other run; `calibrated: false`.",
    "implausible_forecast": "The best network left the range that the past and the climatology allow, so that others "
    "forecast without it; if there are none, `calibrated: false`.",
    "doubtful_step": "The values repeat as hourly or monthly values do, but have another step; `calibrated: false`.",
    "short_horizon": "An event needs more consecutive steps than the leads considered, so its probability is 0.",
    "approximate_mmm": "Degree heating weeks: the maximum monthly mean comes from the position, or from other years "
    "than those of Coral Reef Watch.",
    "incomplete_past": "Degree heating weeks: some of the 84 days before the forecast have no value.",
    "no_weather_ahead": "The weather ends with the series: the forecast does not use it.",
    "weather_ends_early": "The weather ends before the forecast does.",
    "weather_not_used": "The weather was worth nothing on the past of the series, or is known of too little of that "
    "past: the forecast does not use it.",
    "weather_ignored": "The series has weather, but the model takes none; in batch scoring also: the weather of the "
    "station or cell cannot be used, for which the command prints one reason.",
    "weather_unavailable": "A station: there is no weather, for the reason in the message; the forecast is made "
    "without it.",
    "weather_late": "A station: the weather was fetched more than a day ago.",
    "alerts_too_late": "A station with events or webhooks: the newest readings arrived too late to raise an alert; "
    "the message has the delay and the remedy.",
}
"""What each code says, for the reference of the HTTP API."""

DOUBTS: Final[frozenset[WarningCode]] = frozenset(
    {
        "outside_training",
        "no_climatology",
        "doubtful_position",
        "late",
        "reference_is_better",
        "suspect_value",
        "flat_line",
        "implausible_forecast",
        "doubtful_step",
    }
)
"""Warnings that cast doubt on a forecast."""


@dataclass(frozen=True, slots=True)
class ForecastWarning:
    """A warning about a forecast: a sentence for the reader, and a ``code`` for programs."""

    code: WarningCode
    message: str
    uncalibrated: bool = False


def starts_from_suspect(warnings: Iterable[ForecastWarning]) -> bool:
    """Return whether one of ``warnings`` says that a forecast starts from a suspect value, which explains all else."""
    return any(warning.code == "suspect_value" and warning.uncalibrated for warning in warnings)


def are_calibrated(warnings: Iterable[ForecastWarning]) -> bool:
    """Return whether intervals and probabilities can be relied on: none of ``warnings`` says otherwise."""
    return not any(warning.uncalibrated for warning in warnings)
