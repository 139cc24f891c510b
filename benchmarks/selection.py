"""Which training recipe to make the default, decided without any test part.

    python -m benchmarks.selection FILE[:COLUMN][@monthly|@weekly][#DAYS] …

Each series is cut to its first 60, 70 and 80 %, which leaves the test part out, and each cut is divided anew into
70 / 10 / 20 %. A recipe is scored on the last of these by two figures, averaged over cuts, cells and seeds: RMSE one
step ahead over that of the linear autoregression (on the recipe's window or on the default one, whichever is better);
and RMSE at each lead of the horizon over that of the best reference at that lead (persistence, climatology, damped or
linear), averaged over leads. The last column is the mean over monthly, weekly, daily and shorter steps of the means
over the series of each. With ``#DAYS`` two dozen stretches of so many days, begun evenly over the longest cut, take the
place of the cuts, but for those that cannot be trained on. ``--once`` scores weights fitted on the inner training part
alone, too.
"""

import argparse
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from forecasting.errors import SeriesError
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.checkpoint import script
from forecasting.networks.metadata import CELLS
from forecasting.networks.roller import NetworkRoller
from forecasting.readers import read_csv
from forecasting.references.baselines import Baselines
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats
from forecasting.series.timestep import MONTH, TimeStep
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.fitting import fit

CUTS: Final = (0.6, 0.7, 0.8)
"""Shares of each series that are looked at; the last is train and validation."""

MEANS: Final = {"monthly": ("MS", MONTH), "weekly": ("7D", TimeStep(7 * DAY))}
"""Frequency by pandas, and step, of the means that a series can be turned into."""

STRETCHES: Final = 24
"""Of so many days each, that a series is divided into where it is followed by a number of them."""

_ALONE: Final[dict[str, Any]] = {"cell_share": 0.0, "epochs": 1}
_CELL_ALONE: Final[dict[str, Any]] = {"autoregression": False}

RECIPES: Final[dict[str, dict[str, Any]]] = {
    "the default": {},
    "… the autoregression alone": _ALONE,
    "… the cell alone": _CELL_ALONE,
    "… fitted one step ahead alone": {"later_leads": 0.0},
    "… the autoregression alone, fitted one step ahead": {**_ALONE, "later_leads": 0.0},
    "… the autoregression alone, later leads a third": {**_ALONE, "later_leads": 1 / 3},
    "… the autoregression alone, later leads thrice": {**_ALONE, "later_leads": 3.0},
    "… a cell trained through four leads": {"cell_leads": 4},
    "… with a share of 0.3": {"cell_share": 0.3},
    "… with a share of 0.7": {"cell_share": 0.7},
    "… a cell of 32": {"hidden": 32},
    "… a cell of 8": {"hidden": 8},
    "… a cell that sees the whole window": {"cell_window": 1_000},
    "… a cell that sees 6 steps": {"cell_window": 6},
    "… with half the steps": {"steps": (300, 750)},
    "… with half the window": {"window": 0.5},
    "… with Huber 2": {"huber_delta": 2.0},
    "… with two harmonics for the cell": {"harmonics": 2},
    "… with dropout 0.4": {"dropout": 0.4},
    "… the level counted from the mean": {"trend": False},
    "… the autoregression alone, the level counted from the mean": {**_ALONE, "trend": False},
}
"""Settings that differ from the defaults.

A window is given as a share of the default; steps as the fewest and the most that thirty passes are brought to.
"""


def read(argument: str) -> SstSeries:
    """A series, the test part included."""
    argument, _, means = argument.partition("#")[0].partition("@")
    path, _, column = argument.partition(":")
    series = read_csv(Path(path), value_column=column or None)
    if not means:
        return series
    if means not in MEANS:
        raise SystemExit(f"{argument}@{means}: means are {' or '.join(MEANS)}")
    rule, step = MEANS[means]
    return SstSeries.from_pandas(series.to_pandas().dropna().tz_localize(None).resample(rule).mean(), step=step)


def spans(argument: str, cuts: Sequence[float]) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of what is looked at of a series: its cuts, or stretches within the longest."""
    series, days = read(argument), argument.partition("#")[2]
    ends = [int(len(series) * cut) for cut in cuts]
    if not days:
        return [(0, end) for end in ends]
    length = round(float(days) * DAY / series.step.seconds)
    if length > max(ends):
        raise SystemExit(f"{argument}: the series without its test part is shorter than {days} days")
    return [(int(begin), int(begin) + length) for begin in np.linspace(0, max(ends) - length, STRETCHES)]


def configure(dataset: SstSeries, recipe: str) -> TrainingConfig:
    """The default configuration but for what ``recipe`` changes."""
    settings = dict(RECIPES[recipe])
    default = TrainingConfig.for_step(dataset.step)
    if "window" in settings:
        settings["window"] = int(default.window * settings["window"])
    if "steps" in settings:
        fewest, most = settings.pop("steps")
        windows = len(Dataset.divide(dataset, default).origins("train", horizon=1))
        batches = math.ceil(windows / default.schedule(windows).batch)
        settings["epochs"] = math.ceil(min(max(30 * batches, fewest), most) / batches)
    return TrainingConfig.for_step(dataset.step, **settings)


def references(series: SstSeries, config: TrainingConfig) -> dict[str, Floats]:
    """RMSE of the references on the window of ``config``, °C, by name and lead."""
    dataset = Dataset.divide(series, config)
    fitted = Baselines.fit(dataset.past("validation"), config.shape)
    evaluation = Evaluation.run(dataset.origins("test"), fitted.rollers())
    return {name: np.asarray(evaluation.accuracy(name).rmse) for name in evaluation.predicted}


def score(job: tuple[str, str, tuple[int, int], tuple[str, ...], int]) -> Floats:
    """Ratios of RMSE fitted on train, and on train + validation: of lead 1 to linear, of all leads to the best.

    NaN where what is looked at cannot be trained on.
    """
    torch.set_num_threads(1)
    argument, recipe, span, cells, seeds = job
    series = read(argument).part(*span).until_last_observation()
    try:
        config = configure(series, recipe)
        dataset = Dataset.divide(series, config)
    except SeriesError:
        return np.full((2, 2), np.nan)
    known = [references(series, one) for one in (config, TrainingConfig.for_step(series.step))]
    linear = min((one["linear"][0] for one in known if "linear" in one), default=math.nan)
    best = np.min([rmse for one in known for rmse in one.values()], axis=0)
    fits = [fit(dataset, config, cell, seed, lambda epochs: None) for cell in cells for seed in range(seeds)]
    rmse = np.asarray([[_rmse(dataset, one) for one in (made.selected, made.final)] for made in fits])
    ratios = np.stack([rmse[:, :, 0] / linear, (rmse / best).mean(axis=2)], axis=2)
    return np.asarray(ratios.mean(axis=0))


def _rmse(dataset: Dataset, network: torch.nn.Module) -> Floats:
    """On the last part, °C, by lead."""
    roller = NetworkRoller(script(network), dataset.series.step, torch.device("cpu"))
    return np.asarray(Evaluation.run(dataset.origins("test"), {"network": roller}).accuracy("network").rmse)


def _mean_over_steps(scores: Floats, steps: list[str]) -> Floats:
    """Of scores ``(series, figures)``: over the series of each step, then over steps."""
    each = [scores[[one == step for one in steps]].mean(axis=0) for step in sorted(set(steps))]
    return np.asarray(np.mean(each, axis=0))


def _kind(step: TimeStep) -> str:
    if step.calendar_month:
        return "month"
    return "shorter" if step.is_under_a_day else "week" if step.seconds >= 5 * DAY else "day"


def _row(label: str, scores: Floats, steps: list[str]) -> str:
    shown = [*scores, _mean_over_steps(scores, steps)]
    return f"| {label} | " + " | ".join(f"{one:.3f}, {every:.3f}" for one, every in shown) + " |"


def main() -> None:
    """Print a table, one row a recipe: lead 1 to linear, all leads to the best reference."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection", description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="+", help="FILE or FILE:COLUMN, with @monthly or @weekly for means, or #DAYS")
    parser.add_argument("--recipes", default=",".join(map(str, range(len(RECIPES)))), help="numbers, from 0")
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cuts", type=float, nargs="+", default=CUTS)
    parser.add_argument("--once", action="store_true", help="also those fitted on the training part alone")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    recipes = [list(RECIPES)[int(number)] for number in options.recipes.split(",")]
    seen = {one: spans(one, options.cuts) for one in options.series}
    varied = [(one, recipe, span) for recipe in recipes for one in options.series for span in seen[one]]
    jobs = [(*one, tuple(options.cells), options.seeds) for one in varied]
    names = [Path(one).name.replace(".csv", "") for one in options.series]
    steps = [_kind(read(one).step) for one in options.series]
    print("| recipe | " + " | ".join(names) + " | mean |")
    print("|---|" + "---:|" * (len(names) + 1))
    with ProcessPoolExecutor(options.workers) as pool:
        scores = pool.map(score, jobs)
        for recipe in recipes:
            found = [np.nanmean([next(scores) for _ in seen[one]], axis=0) for one in options.series]
            once, again = np.swapaxes(found, 0, 1)
            if options.once:
                print(_row(f"{recipe}, fitted on train", once, steps), flush=True)
            print(_row(recipe, again, steps), flush=True)


if __name__ == "__main__":
    main()
