"""Comparison of training recipes, to choose the default without any test part.

    python -m research.studies.selection FILE[:COLUMN][@monthly|@weekly][#DAYS] …

Each series is cut to its first 60, 70 and 80 %, which leaves out its test part, and each cut is divided again into
70 / 10 / 20 %. A recipe is scored on the last part by two figures, averaged over cuts, cells and seeds: RMSE one step
ahead relative to that of the linear autoregression (with the window of the recipe or the default one, whichever is
better); and RMSE at each lead relative to that of the best reference at that lead (persistence, climatology, damped or
linear), averaged over leads. The last column is the mean over monthly, weekly, daily and shorter steps of the mean over
the series with each step. With ``#DAYS``, two dozen stretches of that many days, spaced evenly over the longest cut,
replace the cuts; stretches that cannot be trained on are skipped. ``--once`` also scores weights fitted to the inner
training part only.
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
from forecasting.models.checkpoint import CPU
from forecasting.models.metadata import CELLS
from forecasting.models.place.network import NetworkRoller
from forecasting.readers import read_csv
from forecasting.references.baselines import Baselines
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats
from forecasting.series.timestep import MONTH, TimeStep
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.fit.fit_data import FitData
from training.fit.fitting import fit

CUTS: Final = (0.6, 0.7, 0.8)
"""Shares of each series to use; the largest covers its training and validation parts."""

MEANS: Final = {"monthly": ("MS", MONTH), "weekly": ("7D", TimeStep(7 * DAY))}
"""Means that a series can be converted to: the pandas frequency and the step."""

STRETCHES: Final = 24
"""Number of stretches for an argument with ``#DAYS``."""

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

``window`` is a share of the default window; ``steps`` are the limits for the optimiser steps of thirty epochs.
"""


def read(argument: str) -> SstSeries:
    """Read a series, including its test part."""
    argument, _, means = argument.partition("#")[0].partition("@")
    path, _, column = argument.partition(":")
    series = read_csv(Path(path), value_column=column or None)
    if not means:
        return series
    if means not in MEANS:
        raise SystemExit(f"{argument}@{means}: expected {' or '.join(MEANS)} after @")
    rule, step = MEANS[means]
    return SstSeries.from_pandas(series.to_pandas().dropna().tz_localize(None).resample(rule).mean(), step=step)


def spans(argument: str, cuts: Sequence[float]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of the cuts of a series, or of stretches within the longest."""
    series, days = read(argument), argument.partition("#")[2]
    ends = [int(len(series) * cut) for cut in cuts]
    if not days:
        return [(0, end) for end in ends]
    length = round(float(days) * DAY / series.step.seconds)
    if length > max(ends):
        raise SystemExit(f"{argument}: without its test part, the series is shorter than {days} days")
    return [(int(begin), int(begin) + length) for begin in np.linspace(0, max(ends) - length, STRETCHES)]


def configure(dataset: SstSeries, recipe: str) -> TrainingConfig:
    """The default configuration with the settings of ``recipe``."""
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
    """RMSE of the references with the window of ``config``, °C, by name and lead."""
    dataset = Dataset.divide(series, config)
    fitted = Baselines.fit(dataset.past("validation"), config.shape)
    evaluation = Evaluation.run(dataset.origins("test"), fitted.rollers())
    return {name: np.asarray(evaluation.accuracy(name).rmse) for name in evaluation.predicted}


def score(job: tuple[str, str, tuple[int, int], tuple[str, ...], int]) -> Floats:
    """Score a recipe on one cut or stretch."""
    torch.set_num_threads(1)
    argument, recipe, span, cells, seeds = job
    series = read(argument).part(*span).until_last_observation()
    try:
        config = configure(series, recipe)
        dataset = Dataset.divide(series, config)
    except SeriesError:
        return np.full((2, 2), np.nan)
    baselines = [references(series, setting) for setting in (config, TrainingConfig.for_step(series.step))]
    linear = min((by_name["linear"][0] for by_name in baselines if "linear" in by_name), default=math.nan)
    best = np.min([rmse for by_name in baselines for rmse in by_name.values()], axis=0)
    data = FitData.of_dataset(dataset, config)
    fits = [fit(data, cell, seed, lambda epochs: None) for cell in cells for seed in range(seeds)]
    rmse = np.asarray([[_rmse(dataset, network) for network in (fitted.selected, fitted.evaluated)] for fitted in fits])
    ratios = np.stack([rmse[:, :, 0] / linear, (rmse / best).mean(axis=2)], axis=2)
    return np.asarray(ratios.mean(axis=0))


def _rmse(dataset: Dataset, network: torch.nn.Module) -> Floats:
    """RMSE on the last part, °C, by lead."""
    roller = NetworkRoller(network, dataset.series.step, CPU)
    return np.asarray(Evaluation.run(dataset.origins("test"), {"network": roller}).accuracy("network").rmse)


def _mean_over_steps(scores: Floats, steps: list[str]) -> Floats:
    """Mean of scores ``(series, figures)`` over the series with each step, then over steps."""
    each = [scores[[other == step for other in steps]].mean(axis=0) for step in sorted(set(steps))]
    return np.asarray(np.mean(each, axis=0))


def _kind(step: TimeStep) -> str:
    if step.calendar_month:
        return "month"
    return "shorter" if step.is_under_a_day else "week" if step.seconds >= 5 * DAY else "day"


def _row(label: str, scores: Floats, steps: list[str]) -> str:
    shown = [*scores, _mean_over_steps(scores, steps)]
    return f"| {label} | " + " | ".join(f"{first:.3f}, {all_leads:.3f}" for first, all_leads in shown) + " |"


def main() -> None:
    """Print a table with a row for each recipe: lead 1 relative to linear, all leads relative to the best reference."""
    parser = argparse.ArgumentParser(prog="python -m research.studies.selection", description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="+", help="FILE or FILE:COLUMN, with @monthly or @weekly for means, or #DAYS")
    parser.add_argument("--recipes", default=",".join(map(str, range(len(RECIPES)))), help="numbers, from 0")
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cuts", type=float, nargs="+", default=CUTS)
    parser.add_argument("--once", action="store_true", help="also score weights fitted to the training part only")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    recipes = [list(RECIPES)[int(number)] for number in options.recipes.split(",")]
    used = {series: spans(series, options.cuts) for series in options.series}
    cells = tuple(options.cells)
    jobs = [
        (series, recipe, span, cells, options.seeds)
        for recipe in recipes
        for series in options.series
        for span in used[series]
    ]
    names = [Path(series).name.replace(".csv", "") for series in options.series]
    steps = [_kind(read(series).step) for series in options.series]
    print("| recipe | " + " | ".join(names) + " | mean |")
    print("|---|" + "---:|" * (len(names) + 1))
    with ProcessPoolExecutor(options.workers) as pool:
        scores = pool.map(score, jobs)
        for recipe in recipes:
            means = [np.nanmean([next(scores) for _ in used[series]], axis=0) for series in options.series]
            once, refitted = np.swapaxes(means, 0, 1)
            if options.once:
                print(_row(f"{recipe}, fitted on train", once, steps), flush=True)
            print(_row(recipe, refitted, steps), flush=True)


if __name__ == "__main__":
    main()
