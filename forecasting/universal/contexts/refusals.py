"""Why a series cannot be forecast from, in sentences that say what to do."""

from forecasting.errors import RangeError, SeriesError
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import range_error
from forecasting.universal.network.metadata import UniversalMetadata
from forecasting.wording import counted


def other_step_error(step: TimeStep, metadata: UniversalMetadata) -> SeriesError:
    """Return the error that a series has another step than the release."""
    return SeriesError(
        f"the series has a step of {in_words(str(step))}, but {metadata.dataset} forecasts series with a step of "
        f"{in_words(metadata.step)}: choose the release for that step, or resample the series"
    )


def outside_error(values: Floats) -> RangeError:
    """Return the error that one of ``values`` °C ``(n,)`` is not a sea temperature, with the likely remedy."""
    return range_error(values, "celsius", lambda i: f"value {i}", "leave it empty")


def too_late_error(missing_after: int, horizon: int, metadata: UniversalMetadata) -> SeriesError:
    """Return the error that the end of a series is too long after its last value."""
    longest = metadata.horizon - missing_after
    remedy = f"ask for at most {longest}" if longest > 0 else "send newer values"
    return SeriesError(
        f"the series ends in {counted(missing_after, 'missing value')}, so that a horizon of {horizon} reaches "
        f"{missing_after + horizon} steps of {in_words(metadata.step)} beyond the last value; {metadata.dataset} "
        f"forecasts up to {metadata.horizon}: {remedy}"
    )


def too_short_error(count: int, needed: int, used: int, metadata: UniversalMetadata) -> SeriesError:
    """Return the error that a series has too few values."""
    noun = f"{'daily' if metadata.step == 'day' else metadata.step + 'ly'} value"
    where = f" in its last {metadata.maximum} steps" if used == metadata.maximum else ""
    remedy = ""
    if metadata.time_step.calendar_month and needed > metadata.minimum:
        remedy = f", or a position at sea (latitude and longitude), with which {metadata.minimum} are enough"
    return SeriesError(
        f"a forecast needs at least {counted(needed, noun)}, but the series has {count}{where}: send "
        f"{needed - count} more{remedy}"
    )


def constant_error(count: int, value: float) -> SeriesError:
    """Return the error that all values are the same."""
    return SeriesError(
        f"all {count} values are {value:g} °C: a forecast needs values that vary; check whether the sensor is stuck, "
        "or a constant marks missing values"
    )
