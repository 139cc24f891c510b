"""``python -m research.studies.online_intervals FILE[@STEP] …``: intervals recalibrated online, beside plain ones.

Each series is forecast from every observation by the best universal network at its step, without a position, and its
forecasts are recalibrated as a station's would be: each forecast is issued with what those verified by then have
taught. ``@hour``, ``@day``, ``@week`` or ``@month`` averages a series first; a file of several stations gives a row for
each.

For plain and recalibrated intervals, a row shows coverage in percent: of all forecasts, and lowest and highest over 200
and 1 000 consecutive ones. The score is the interval score relative to that of the plain intervals.
"""

import argparse
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from forecasting.models.universal.distribution import interval
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.online_calibration import OnlineCalibration
from forecasting.readers import read
from forecasting.readers.options import ReadingOptions
from forecasting.releases.catalog import load_universal
from forecasting.scores.probabilistic import interval_score
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from research.spec import SPECS
from research.studies.options import study_parser

Floats = npt.NDArray[np.float64]

_LEVELS: Final = (80, 95)
_SPANS: Final = (200, 1_000)


def main() -> None:
    """Print two rows for each series."""
    parser = series_parser(__doc__)
    parser.add_argument("--lead", type=int, default=1, metavar="N", help="default: %(default)s")
    options = parser.parse_args()
    torch.set_num_threads(1)
    spans = [f"{level} %{over}" for level in _LEVELS for over in ("", *(f" over {span}" for span in _SPANS), " score")]
    print(f"| {' | '.join(['Series', 'n', 'Intervals', *spans])} |")
    print("|---" * (3 + len(spans)) + "|")
    for name, series, network in long_series(options):
        print("\n".join(_rows(name, series, network, options.lead)), flush=True)


def series_parser(documentation: str | None) -> argparse.ArgumentParser:
    """Return the parser of a study, with the options that :func:`long_series` takes."""
    parser = study_parser(documentation)
    parser.add_argument("files", nargs="+", metavar="FILE[@STEP]", help="file of one series, or of several stations")
    parser.add_argument(
        "--least", type=int, default=1_000, metavar="N", help="skip series with fewer forecasts (default: %(default)s)"
    )
    return parser


def long_series(options: argparse.Namespace) -> Iterator[tuple[str, SstSeries, UniversalForecaster]]:
    """Yield each series that is long enough, with its name and the best network of its step."""
    for text in options.files:
        for name, series in _series_in(text):
            network = _network_for(series.step, options.artifacts)
            if np.isfinite(series.values).sum() >= network.metadata.maximum // 2 + options.least:
                yield name, series, network


def _series_in(text: str) -> Iterator[tuple[str, SstSeries]]:
    """Yield the series of ``FILE`` or ``FILE@STEP``, each with its name."""
    path, _, step = text.partition("@")
    options = ReadingOptions(resample=TimeStep.parse(step)) if step else ReadingOptions()
    for station in read(Path(path), options).stations:
        if station.series is not None:
            yield f"{Path(path).name.partition('.')[0]} {station.name or ''}".strip(), station.series


@cache
def _network_for(step: TimeStep, artifacts: Path) -> UniversalForecaster:
    """Return the best universal network of a step."""
    if str(step) not in SPECS:
        raise SystemExit(f"no universal network for a step of {step}: add @hour, @day, @week or @month to the file")
    release = load_universal(SPECS[str(step)].release, artifacts)
    return release.networks[release.best_on_held_out]


def _rows(name: str, series: SstSeries, network: UniversalForecaster, lead: int) -> list[str]:
    plain = replay(series, network, lead)
    issued = recalibrate(series.values, plain, network.metadata.levels)
    observed = series.values[lead:]
    known = np.isfinite(observed) & np.isfinite(plain[:-lead, lead - 1, 0])
    observed = observed[known]
    rows = []
    for kind, quantiles in (("plain", plain), ("recalibrated", issued)):
        cells = [name, str(len(observed)), kind]
        for level in _LEVELS:
            forecasts = quantiles[:-lead, lead - 1][known]
            low, high = interval(level, forecasts, network.metadata.levels)
            inside = (low <= observed) & (observed <= high)
            cells += [f"{100 * inside.mean():.1f}", *(_extremes(inside, span) for span in _SPANS)]
            score = _score(observed, low, high, level)
            before = interval(level, plain[:-lead, lead - 1][known], network.metadata.levels)
            cells.append(f"{score / _score(observed, *before, level):.3f}")
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def replay(series: SstSeries, network: UniversalForecaster, leads: int) -> Floats:
    """Forecast from each observed step: quantiles, °C ``(steps, leads, levels)``, NaN from other steps.

    Each sees at least half of the longest context.
    """
    values, least = series.values, network.metadata.maximum // 2
    plain = np.full((len(values), leads, len(network.metadata.levels)), np.nan)
    nowhere = np.full((1, 7), np.nan, dtype=np.float32)
    seconds = series.times.astype("datetime64[s]").astype(np.float64)
    for begin in range(least, len(values), least):
        origins = np.arange(begin, min(begin + least, len(values)))
        origins = origins[np.isfinite(values[origins])]
        if len(origins):
            first, last = begin - least, origins[-1]
            answer = network.backtest(values[None, first : last + 1], seconds[[last]], nowhere, origins - first)
            plain[origins] = answer[0, :, :leads, 1:]
    return plain


def recalibrate(values: Floats, plain: Floats, levels: tuple[float, ...]) -> Floats:
    """Issue a forecast from each step, once it has verified the earlier ones, °C ``(steps, leads, levels)``."""
    leads = plain.shape[1]
    issued = np.full_like(plain, np.nan)
    calibration = OnlineCalibration.start(leads)
    by_lead = np.arange(leads)
    for step in range(len(values)):
        if step >= leads:
            origins = step - 1 - by_lead
            observed = np.full(leads, values[step])
            calibration = calibration.after(plain[origins, by_lead], issued[origins, by_lead], levels, observed)
        issued[step] = calibration.recalibrate(plain[step], levels)
    return issued


def _extremes(inside: npt.NDArray[np.bool_], span: int) -> str:
    """Return the lowest and highest coverage of ``span`` consecutive forecasts, in percent."""
    if len(inside) < span:
        return ""
    covered = np.cumsum(np.concatenate([[0], inside]))
    shares = 100 * (covered[span:] - covered[:-span]) / span
    return f"{shares.min():.1f}–{shares.max():.1f}"


def _score(observed: Floats, low: Floats, high: Floats, level: int) -> float:
    centre, width = (low + high) / 2, (high - low) / 2
    return float(interval_score(observed[:, None], centre[:, None], width[:, None], level)[0])


if __name__ == "__main__":
    main()
