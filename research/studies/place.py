"""``python -m research.studies.place FILE[@LAT,LON] …``: where it helps a place to start from a universal network.

Each file holds one series. Series of several lengths are cut from it. For each, the networks that would serve forecast
the values that follow. An autoregression takes the place of the fitted network, which is hardly better.

With ``--step``, the arguments are folders of real series instead. At each place of their part ``validation``, the
network is trained as by ``sst train``, and its RMSE on the test part is compared with that of the linear
autoregression.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch

from forecasting.errors import SeriesError
from forecasting.evaluation.division import SPLITS
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.checkpoint import CPU
from forecasting.models.place.network import NetworkRoller
from forecasting.readers import read
from forecasting.references.baselines import Baselines
from forecasting.series.origins import origins
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from research.pretraining.real_series import PLACES, read_real_series
from research.spec import SPECS, Spec
from research.studies.options import add_places, study_parser
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.data.inputs import Examples
from training.fit.cell_networks import (
    SHARES,
    AnyNetwork,
    Ingredients,
    Residuals,
    choose_share,
    earlier_residuals,
    evaluate,
)
from training.fit.fit_data import Network, autoregression, leads_learnt
from training.fit.fitting import fit_all
from training.fit.universal_start import MixedForecaster, Position, UniversalStart

CELL: Final = "gru"
LENGTHS: Final = (60, 365, 3_650)
CUTS: Final = 8
FOLLOWING: Final = 90
"""Values after each series that are forecast."""

MAX_MISSING: Final = 0.1
LEADS: Final = (1, 3, 7, 14)

KINDS: Final = ("fitted", "universal", "chosen", "without position")
"""Networks of a place of a folder; the last is chosen without its position."""


@dataclass(frozen=True)
class Outcome:
    """Squared errors on the values after one series, °C² ``(leads,)``, by kind of forecast, and the share chosen."""

    errors: dict[str, Floats]
    share: float


def judge(whole: SstSeries, begin: int, length: int, artifacts: Path, position: Position | None) -> Outcome | None:
    """Forecast what follows a series of ``length`` values; None if too much of it is missing."""
    series = whole.part(begin, begin + length)
    if np.isnan(series.values).mean() > MAX_MISSING or np.isnan(series.values[-1]):
        return None
    start = UniversalStart.find([artifacts], series, position)
    if start is None:
        raise SystemExit(f"{artifacts} has no universal release for a step of {series.step}")
    config, place_network, share = _fitted(series, start)
    universal = start.at_place(CELL, config.window, series)
    networks: dict[str, AnyNetwork] = {"universal": universal}
    if place_network is not None:
        mixed = {name: MixedForecaster(place_network, universal, share) for name, share in SHARES.items()}
        networks = {**mixed, "place": place_network, "universal": universal}
    after = origins(whole.part(begin, begin + length + FOLLOWING), config.shape, length, length + FOLLOWING)
    if len(after) < FOLLOWING // 2:
        return None
    evaluation = Evaluation.run(
        after, {name: NetworkRoller(network, series.step, CPU) for name, network in networks.items()}
    )
    errors = {name: np.nanmean(evaluation.residuals(name) ** 2, axis=0) for name in networks}
    errors["chosen"] = errors[next(name for name, value in SHARES.items() if value == share)]
    errors["persistence"] = np.nanmean((after.windows[:, -1:] - after.targets) ** 2, axis=0)
    return Outcome(errors, share)


def _fitted(series: SstSeries, start: UniversalStart) -> tuple[TrainingConfig, Network | None, float]:
    """Settings, the network fitted to the whole series, if it is long enough, and the share that its past chooses."""
    config = TrainingConfig.for_step(series.step, cells=(CELL,))
    try:
        dataset = Dataset.divide(series, config)
    except SeriesError:
        return TrainingConfig.for_step(series.step, cells=(CELL,), **start.short_settings(series)), None, 1.0
    train, validation, test = (Examples.of(dataset.origins(part, leads_learnt(config))) for part in SPLITS)
    selected = evaluate(autoregression(config, dataset.past("train"), train), CELL, dataset.origins("validation"))
    past = [*earlier_residuals(dataset, config), Residuals(selected.origins, selected.residuals(CELL))]
    residuals = Residuals.joined(past)
    universal = start.at_place(CELL, config.window, dataset.before(residuals.origins.valid_time.min()))
    share = choose_share(start, residuals.values, evaluate(universal, CELL, residuals.origins).residuals(CELL)).share
    return config, autoregression(config, series, train.joined(validation).joined(test)), share


def print_trained(spec: Spec, folders: Sequence[Path], artifacts: Path) -> None:
    """Print a row for each place of the part ``validation`` of folders, and the mean over regions."""
    leads = spec.scored_leads
    print(f"| place | {' | '.join(f'{kind}, leads {leads}' for kind in KINDS)} | share |")
    print(f"|---|{'---|' * len(KINDS)}---:|")
    regions: dict[str, list[Floats]] = {}
    for folder in folders:
        table = pd.read_csv(folder / PLACES, dtype={"place": str})
        where = table[table["step"] == spec.step].set_index("place")[["latitude", "longitude"]]
        for real in read_real_series(spec, [folder], "validation"):
            try:
                ratios, share = trained(real.series, artifacts, tuple(where.loc[real.name]))
            except SeriesError as error:
                print(f"{real.name} is left out: {error}", file=sys.stderr)
                continue
            scored = ratios[:, np.asarray(leads) - 1]
            regions.setdefault(real.region, []).append(scored)
            print(_ratios(real.name, scored, f"{share:g}"), flush=True)
    every = [np.mean(members, axis=0) for members in regions.values()]
    print(_ratios("mean over regions", np.mean(every, axis=0), ""))


def trained(series: SstSeries, artifacts: Path, position: Position) -> tuple[Floats, float]:
    """Train at a place; returns RMSE over that of the linear autoregression, ``(kinds, leads)``, and the share."""
    config = TrainingConfig.for_step(series.step, cells=(CELL,))
    dataset = Dataset.divide(series, config)
    rollers = Baselines.fit(dataset.past("validation"), dataset.shape).rollers()
    if "linear" not in rollers:
        raise SeriesError("too few values for the linear autoregression")
    fit, earlier = fit_all(dataset, config)[CELL, config.seed], earlier_residuals(dataset, config)
    networks: dict[str, AnyNetwork] = {"fitted": fit.evaluated}
    share = 0.0
    for kind, known in (("without position", None), ("chosen", position)):
        start = UniversalStart.find([artifacts], series, known)
        if start is None:
            raise SystemExit(f"{artifacts} has no universal release for a step of {series.step}")
        made = Ingredients(dataset, config, earlier, start).networks(CELL, fit)
        networks[kind], share = made.evaluated, made.start.share if made.start else 0.0
        networks["universal"] = start.at_place(CELL, config.window, dataset.past("validation"))
    forecasters = {kind: NetworkRoller(network, series.step, CPU) for kind, network in networks.items()}
    test = Evaluation.run(dataset.origins("test"), {**forecasters, "linear": rollers["linear"]})
    rmse = {kind: np.asarray(test.accuracy(kind).rmse) for kind in (*KINDS, "linear")}
    return np.stack([rmse[kind] / rmse["linear"] for kind in KINDS]), share


def _ratios(name: str, ratios: Floats, share: str) -> str:
    cells = [" / ".join(f"{ratio:.3f}" for ratio in of_kind) for of_kind in ratios]
    return f"| {' | '.join([name, *cells, share])} |"


def main() -> None:
    """Print a row for each place and length."""
    parser = study_parser(__doc__)
    add_places(parser, "file with one series")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, metavar="N", help="default: %(default)s")
    parser.add_argument("--step", choices=SPECS, help="of the series of folders, to train on as sst train does")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.step:
        print_trained(SPECS[options.step], [Path(folder) for folder in options.places], options.artifacts)
        return
    print("| place | values | fitted to the place | universal | chosen | share chosen, on average |")
    print("|---|---:|---|---|---|---|")
    for text in options.places:
        path, _, where = text.partition("@")
        latitude, _, longitude = where.partition(",")
        position = (float(latitude), float(longitude)) if where else None
        whole = read(Path(path)).series
        for length in options.lengths:
            begins = np.linspace(0, len(whole) - length - FOLLOWING, CUTS).astype(int).tolist()
            outcomes = [judge(whole, begin, length, options.artifacts, position) for begin in begins if begin >= 0]
            print(_row(Path(path).stem, length, [outcome for outcome in outcomes if outcome]), flush=True)


def _row(name: str, length: int, outcomes: list[Outcome]) -> str:
    cells = [name, str(length)]
    for kind in ("place", "universal", "chosen"):
        known = [outcome.errors[kind] for outcome in outcomes if kind in outcome.errors]
        if not known:
            cells.append("–")
            continue
        rmse = np.sqrt(np.mean(known, axis=0)) / np.sqrt(np.mean([o.errors["persistence"] for o in outcomes], axis=0))
        cells.append(" / ".join(f"{rmse[lead - 1]:.3f}" for lead in LEADS))
    cells.append(f"{np.mean([outcome.share for outcome in outcomes]):.2f}")
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
