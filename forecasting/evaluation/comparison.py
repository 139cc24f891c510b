"""How good networks and references are on a caller's own series, rolled through it one step at a time."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.evaluation.report import ModelReport
from forecasting.forecast_warning import ForecastWarning
from forecasting.networks.forecaster import Forecaster
from forecasting.networks.intervals import ErrorDistribution
from forecasting.networks.metadata import CheckpointMetadata, Period
from forecasting.references.baselines import BASELINES
from forecasting.references.expanding import ExpandingReferences
from forecasting.references.from_past import CLIMATOLOGY_YEARS
from forecasting.scores.accuracy import Accuracy, diebold_mariano, rounded_or_none
from forecasting.series.origins import Origins, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries, Units, from_celsius
from forecasting.series.timestep import LAST_TIME, YEAR, Floats, Times, iso, short
from forecasting.wording import counted, too_few

PIECE: Final = 2_048
"""Windows × leads that are forecast at a stretch, before others are let in."""


@dataclass(frozen=True)
class Rolled:
    """What every model says of the same steps of a series, each from what came before.

    Attributes:
        times: of the steps, ``(n,)``.
        observed: °C, ``(n,)``.
        predicted: °C, ``(n,)``, by name: the networks, then the references that the series affords.
        scale: what the networks' errors are multiplied by, ``(n,)``, by cell.
        warnings: what a reader should know.
    """

    times: Times
    observed: Floats
    predicted: Mapping[str, Floats]
    scale: Mapping[str, Floats]
    warnings: tuple[ForecastWarning, ...] = ()

    @property
    def period(self) -> Period:
        """First and last of the steps that were forecast, and how many they are."""
        return Period(start=iso(self.times.min()), end=iso(self.times.max()), n=len(self.times))

    @classmethod
    def pooled(cls, parts: Sequence["Rolled"]) -> "Rolled":
        """Several series together, with the models that all of them have."""
        names = [name for name in parts[0].predicted if all(name in part.predicted for part in parts)]
        return cls(
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.observed for part in parts]),
            {name: np.concatenate([part.predicted[name] for part in parts]) for name in names},
            {name: np.concatenate([part.scale[name] for part in parts]) for name in parts[0].scale},
        )


def rolling_through(series: SstSeries, networks: Sequence[Forecaster], horizon: int) -> Generator[None, None, Rolled]:
    """Forecast every step of ``series`` that a full window precedes, ``horizon`` steps ahead.

    In pieces: whoever runs it can do something else, or give up, between two of them.

    The references are fitted to the series' own past alone, and fitted again as it grows. Where that affords no
    climatology at first, the steps that it does not reach are left out, for all models alike, so that errors can be set
    side by side; where too few would be left, the references that need one are, and a warning says so.

    Args:
        series: of the networks' step.
        networks: of one release.
        horizon: the lead that is scored.

    Raises:
        SeriesError: if no step can be forecast.
    """
    metadata = networks[0].metadata
    shape = ForecastShape(metadata.window, horizon, metadata.fill_limit)
    known = _origins(series, metadata.model, shape)
    references = ExpandingReferences(series, shape)
    first = _first_referred(known, references)
    warnings = [*_about(series, metadata), *_about_references(known, first, references)]
    known = known.take(slice(first or 0, None))
    predicted: dict[str, Floats] = {}
    for network in networks:
        predicted[network.metadata.cell] = yield from _roll_network(network, known, horizon)
    if first is None:
        predicted["persistence"] = known.windows[:, -1]
    else:
        predicted |= yield from _roll_references(references, known)
        if "linear" not in predicted:
            said = "gaps leave too few windows to fit the linear autoregression to"
            warnings.append(ForecastWarning("no_linear", said))
    times = series.step.shift(known.valid_time, horizon - 1)
    scale = {network.metadata.cell: network.metadata.errors.scale(known.windows) for network in networks}
    return Rolled(times, known.targets[:, -1], predicted, scale, (*warnings, *_unlike(known, metadata)))


def score(
    rolled: Rolled, errors: Mapping[str, ErrorDistribution], horizon: int, units: Units, *, significance: bool = True
) -> list[ModelReport]:
    """Errors of each model, in ``units``, as its only lead.

    Args:
        rolled: what they said.
        errors: the error distributions of the networks, by cell: the coverage of intervals is that of theirs.
        horizon: the lead that was forecast.
        units: of errors; of MAPE, the scale that its percent are of.
        significance: whether the forecasts follow each other in time, so that a p-value can be told.
    """
    observed = from_celsius(rolled.observed, units)[:, None]
    accuracy = {
        name: Accuracy.of(observed, from_celsius(column, units)[:, None]) for name, column in rolled.predicted.items()
    }
    references = [name for name in BASELINES if name in rolled.predicted]
    best = min(references, key=lambda name: accuracy[name].rmse[0])
    to_beat = rolled.predicted[best] - rolled.observed
    reports = []
    for name, column in rolled.predicted.items():
        if name in references:
            reports.append(ModelReport(name=name, kind="baseline", accuracy={"test": accuracy[name]}))
            continue
        p_value = diebold_mariano(column - rolled.observed, to_beat, horizon) if significance else None
        reports.append(
            ModelReport(
                name=name,
                kind="recurrent",
                accuracy={"test": accuracy[name]},
                p_value=(rounded_or_none(p_value),),
                coverage=errors[name].coverage(
                    rolled.observed[:, None], column[:, None], rolled.times[:, None], rolled.scale[name], horizon
                ),
            )
        )
    return reports


def _origins(series: SstSeries, model: str, shape: ForecastShape) -> Origins:
    """Those whose last lead was observed.

    Raises:
        SeriesError: if there is none.
    """
    window, horizon, limit = shape
    if len(series) < window + horizon:
        raise SeriesError(
            f"{too_few(len(series), 'value')}: {model} needs {window}, and {horizon} more to be compared with"
        )
    if series.times[-1] > LAST_TIME:
        raise SeriesError("the series reaches past the year 9999: look for a wrong time")
    known = origins(series, shape, window, len(series))
    known = known.take(np.flatnonzero(np.isfinite(known.targets[:, -1])))
    if not len(known):
        raise SeriesError(
            f"no {window} values in a row, with gaps of at most {limit}, are followed by an observation "
            f"{counted(horizon, 'step')} later: there is nothing to compare with"
        )
    return known


def _first_referred(known: Origins, references: ExpandingReferences) -> int | None:
    """The first origin from which all is scored, with a climatology; None where there had better be none.

    At least half of the origins, or a year of them, shall be left.
    """
    if references.begin is None:
        return None
    first = int(np.searchsorted(known.position, references.begin))
    left = len(known) - first
    return first if 2 * left >= len(known) or left * references.series.step.seconds >= YEAR else None


def _roll_network(network: Forecaster, known: Origins, horizon: int) -> Generator[None, None, Floats]:
    column: Floats = np.empty(len(known))
    size = max(PIECE // horizon, 1)
    for begin in range(0, len(known), size):
        rows = slice(begin, begin + size)
        column[rows] = network.roll(known.windows[rows], known.valid_time[rows], horizon)[:, -1]
        yield
    return column


def _roll_references(references: ExpandingReferences, known: Origins) -> Generator[None, None, dict[str, Floats]]:
    """°C ``(n,)`` at the last lead, by name; without those that some stretch does not afford."""
    stretches = []
    for begin, end in references.refits(int(known.position[0]), int(known.position[-1]) + 1):
        stretch = known.take(slice(*np.searchsorted(known.position, (begin, end))))
        if len(stretch):
            rollers = references.fit(begin)
            stretches.append(
                {
                    name: one.roll(stretch.windows, stretch.valid_time, references.shape.horizon)[:, -1]
                    for name, one in rollers.items()
                }
            )
            yield
    names = [name for name in BASELINES if all(name in stretch for stretch in stretches)]
    return {name: np.concatenate([stretch[name] for stretch in stretches]) for name in names}


def _about(series: SstSeries, metadata: CheckpointMetadata) -> list[ForecastWarning]:
    warnings = [ForecastWarning("adjusted", note) for note in series.notes]
    if np.isnan(series.values).any():
        missing = SstSeries(series.values, series.start, series.step).describe()[0]
        done = f"gaps of up to {metadata.fill_limit} are interpolated, windows with longer ones left out"
        warnings.append(ForecastWarning("gap_filled", f"{missing}; {done}"))
    return warnings


def _about_references(known: Origins, first: int | None, references: ExpandingReferences) -> list[ForecastWarning]:
    series = references.series
    if first is None:
        return [
            ForecastWarning(
                "no_climatology",
                f"a climatology needs {CLIMATOLOGY_YEARS} years of values of every month before the first step that is "
                f"scored, and a year or half of all steps after them; this series holds {series.observed_years:.1f} "
                f"years, of {len(series.observed_months)} calendar months",
            )
        ]
    if not first:
        return []
    begin = short(known.valid_time[first])
    needs = f"{CLIMATOLOGY_YEARS} years of values of every month come before the first, for the climatology"
    return [ForecastWarning("scored_later", f"{first} steps before {begin} are not scored: {needs}")]


def _unlike(known: Origins, metadata: CheckpointMetadata) -> list[ForecastWarning]:
    unlike = metadata.training_range.unlike(known.windows, known.valid_time)
    if not unlike.any():
        return []
    k = int(unlike.argmax())
    how = "; ".join(metadata.training_range.differences(known.windows[k], known.valid_time[k]))
    counted = f"{int(unlike.sum())} of {len(known)} windows are unlike the training"
    return [ForecastWarning("outside_training", f"{counted}, the first before {short(known.valid_time[k])}: {how}")]
