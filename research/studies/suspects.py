"""``python -m research.studies.suspects FILE …``: values that the check calls suspect, real and spoilt.

False alarms are counted on the series as they are, so that real errors in them count too. Then values are spoilt at
random places that are far from each other, and the share that is found is counted.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from forecasting.models.universal.checks import Check, check_series
from forecasting.models.universal.network import UniversalForecaster
from forecasting.qartod import GOOD, SUSPECT
from forecasting.readers import read
from forecasting.releases.catalog import load_universal
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from research.simulation.seas import simulate_seas
from research.spec import SPECS
from research.studies.options import study_parser

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_NORMAL_SCORE: Final = 3.2905
"""Of the central 99.9 % of a normal distribution."""

_LAST: Final = 12_000
"""Values at the end of a series that are used."""

_APART: Final = 60
_FAR_APART: Final = 400
"""Steps between spikes, and between changes that last."""

_LASTING: Final = 30
_STUCK: Final = 10
"""Steps of a change of level, and of a stuck sensor."""

_SPIKES: Final = (1.0, 2.0, 4.0)
_SEAS: Final = {"hour": (12, 2_500), "day": (40, 2_000), "week": (60, 800), "month": (60, 400)}
"""Number and length of the simulated series of each step."""


def main() -> None:
    """Print a row for each file, or for simulated seas."""
    parser = study_parser(__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="file with one or several series")
    parser.add_argument("--simulated", choices=_SEAS, nargs="*", default=[], help="steps of simulated seas")
    options = parser.parse_args()
    torch.set_num_threads(1)
    columns = ["Series", "Values", "Suspect", "With normal tails", *(f"Spike {size:g} °C" for size in _SPIKES)]
    columns += ["Step 4 °C: first value", "next 20", "Stuck"]
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|")
    for name, series in _sources(options.files, options.simulated):
        network = _network(series[0].step, options.artifacts)
        print(f"| {name} | {' | '.join(_row(network, series))} |", flush=True)


def _sources(files: list[Path], steps: list[str]) -> Iterator[tuple[str, list[SstSeries]]]:
    for path in files:
        readable = [station.series for station in read(path).stations if station.series is not None]
        yield (
            path.name,
            [member.part(max(len(member) - _LAST, 0), len(member)) for member in readable if len(member) > 200],
        )
    for step in steps:
        seas = simulate_seas(np.random.default_rng(77), step, *_SEAS[step])
        start = np.datetime64("1990-01-01", "s")
        yield f"simulated, {step}", [SstSeries(values, start, TimeStep.parse(step)) for values in seas.sst]


def _network(step: TimeStep, artifacts: Path) -> UniversalForecaster:
    release = load_universal(SPECS[str(step)].release, artifacts)
    return release.networks[release.best_on_held_out]


def _row(network: UniversalForecaster, series: list[SstSeries]) -> list[str]:
    checks = [check_series(network, member) for member in series]
    normal = [check_series(network, member, score=_NORMAL_SCORE) for member in series]
    evaluated = sum(int(np.isin(check.flags, (GOOD, SUSPECT)).sum()) for check in checks)
    row = [f"{evaluated:,}", *(_percent(_suspects(some), evaluated, 2) for some in (checks, normal))]
    for size in _SPIKES:
        spoilt = [_spoilt(network, check, partial(_spike, size), _APART) for check in checks]
        row.append(_percent(sum(caught.sum() for caught, _ in spoilt), sum(len(caught) for caught, _ in spoilt)))
    stepped = [_spoilt(network, check, _step, _FAR_APART) for check in checks]
    row.append(_percent(sum(caught.sum() for caught, _ in stepped), sum(len(caught) for caught, _ in stepped)))
    row.append(f"{np.concatenate([after for _, after in stepped]).mean():.2f}")
    stuck = [_spoilt(network, check, _stick, _FAR_APART) for check in checks]
    row.append(_percent(sum((after > 0).sum() for _, after in stuck), sum(len(after) for _, after in stuck)))
    return row


def _suspects(checks: list[Check]) -> int:
    return sum(len(check.suspects) for check in checks)


def _percent(part: float, whole: float, decimals: int = 0) -> str:
    return f"{100 * part / max(whole, 1):.{decimals}f} %"


def _spike(size: float, values: Floats, place: int, sign: float) -> None:
    values[place] += sign * size


def _step(values: Floats, place: int, sign: float) -> None:
    values[place : place + _LASTING] += 4 * sign


def _stick(values: Floats, place: int, sign: float) -> None:
    run = values[place : place + _STUCK]
    run[np.isfinite(run)] = values[place]


def _spoilt(
    network: UniversalForecaster, check: Check, spoil: Callable[[Floats, int, float], None], distance: int
) -> tuple[npt.NDArray[np.bool_], Places]:
    """Spoil a series at places where it was good, ``distance`` steps from each other."""
    random = np.random.default_rng(0)
    length = len(check.flags)
    places = np.arange(_APART, length - _APART, distance)
    places += random.integers(0, distance // 4, len(places))
    places = np.asarray([place for place in places if (check.flags[place : place + 3] == GOOD).all()], dtype=np.int64)
    values = check.series.values.copy()
    for place, sign in zip(places.tolist(), random.choice([-1.0, 1.0], len(places)).tolist(), strict=True):
        spoil(values, place, sign)
    series = SstSeries(values, check.series.start, check.series.step)
    flags = check_series(network, series).flags
    after = np.asarray([(flags[place + 1 : place + 21] == SUSPECT).sum() for place in places.tolist()], dtype=np.int64)
    return flags[places] == SUSPECT, after


if __name__ == "__main__":
    main()
