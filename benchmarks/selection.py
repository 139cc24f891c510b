"""Which training recipe to make the default, decided without any test part.

    python -m benchmarks.selection FILE[:COLUMN][@monthly] …

Each series is cut to its first 60, 70 and 80 %, which leaves the test part out, and each cut is divided anew into
70 / 10 / 20 %. A recipe is scored on the last of these, as RMSE one step ahead over that of the linear autoregression
(on the recipe's window or on the default one, whichever is better), averaged over cuts, cells and seeds: with weights
fitted on the inner training part alone, with those fitted again with the validation part, and with the forecasts of all
seeds of the latter averaged.
"""

import argparse
import math
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from forecasting.accuracy import Accuracy
from forecasting.baselines import Baselines
from forecasting.checkpoint import CELLS, script
from forecasting.evaluation import Evaluation
from forecasting.network import NetworkRoller
from forecasting.readers import read_csv
from forecasting.series import SstSeries
from forecasting.timestep import MONTH, Floats
from training.config import TrainingConfig
from training.dataset import Dataset
from training.fit import fit

CUTS: Final = (0.6, 0.7, 0.8)
"""Shares of each series that are looked at; the last is train and validation."""

_CELL_ALONE: Final[dict[str, Any]] = {"autoregression": False}

RECIPES: Final[dict[str, dict[str, Any]]] = {
    "the default": {},
    "… the autoregression alone": {"cell_share": 0.0, "epochs": 1},
    "… the cell alone": _CELL_ALONE,
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
}
"""Settings that differ from the defaults.

A window is given as a share of the default; steps as the fewest and the most that thirty passes are brought to.
"""


def read(argument: str) -> SstSeries:
    """A series, the test part included."""
    argument, _, monthly = argument.partition("@")
    path, _, column = argument.partition(":")
    series = read_csv(Path(path), value_column=column or None)
    if not monthly:
        return series
    means = series.to_pandas().dropna().tz_localize(None).resample("MS").mean()
    return SstSeries.from_pandas(means, step=MONTH)


def configure(dataset: SstSeries, recipe: str) -> TrainingConfig:
    """The default configuration but for what ``recipe`` changes."""
    settings = dict(RECIPES[recipe])
    default = TrainingConfig.for_step(dataset.step, horizon=1)
    if "window" in settings:
        settings["window"] = int(default.window * settings["window"])
    if "steps" in settings:
        fewest, most = settings.pop("steps")
        windows = len(Dataset.divide(dataset, default).origins("train"))
        batches = math.ceil(windows / default.schedule(windows).batch)
        settings["epochs"] = math.ceil(min(max(30 * batches, fewest), most) / batches)
    return TrainingConfig.for_step(dataset.step, horizon=1, **settings)


def linear_rmse(series: SstSeries, config: TrainingConfig) -> float:
    """Of the linear autoregression on the window of ``config``, °C."""
    dataset = Dataset.divide(series, config)
    linear = Baselines.fit(dataset.past("validation"), config.window, config.fill_limit, 1).rollers()["linear"]
    return Evaluation.run(dataset.origins("test"), {"linear": linear}).accuracy("linear").rmse[0]


def score(job: tuple[str, str, float, int]) -> list[float]:
    """Ratios to the linear autoregression: fitted once, fitted again, seeds of the latter averaged; mean over cells."""
    torch.set_num_threads(1)
    argument, recipe, cut, seeds = job
    whole = read(argument)
    series = whole.part(0, int(len(whole) * cut)).until_last_observation()
    config = configure(series, recipe)
    rmse = min(linear_rmse(series, one) for one in (config, TrainingConfig.for_step(series.step, horizon=1)))
    dataset = Dataset.divide(series, config)
    ratios = [_score_cell(dataset, config, cell, seeds) for cell in CELLS]
    return [float(ratio) / rmse for ratio in np.mean(ratios, axis=0)]


def _score_cell(dataset: Dataset, config: TrainingConfig, cell: str, seeds: int) -> list[float]:
    test = dataset.origins("test")

    def predict(network: torch.nn.Module) -> Floats:
        return NetworkRoller(script(network), dataset.series.step, torch.device("cpu")).roll(
            test.windows, test.valid_time, 1
        )

    def rmse(predicted: Floats) -> float:
        return Accuracy.of(test.targets, predicted).rmse[0]

    fits = [fit(dataset, config, cell, seed, lambda epochs: None) for seed in range(seeds)]
    once, again = [predict(one.selected) for one in fits], [predict(one.final) for one in fits]
    together = np.mean(again, axis=0)
    return [float(np.mean([rmse(one) for one in once])), float(np.mean([rmse(one) for one in again])), rmse(together)]


def main() -> None:
    """Print a table, one row a recipe and way of fitting."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection", description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="+", help="FILE, FILE:COLUMN, or either with @monthly for monthly means")
    parser.add_argument("--recipes", default=",".join(map(str, range(len(RECIPES)))), help="numbers, from 0")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--cuts", type=float, nargs="+", default=CUTS)
    options = parser.parse_args()
    recipes = [list(RECIPES)[int(number)] for number in options.recipes.split(",")]
    jobs = [(one, recipe, cut, options.seeds) for recipe in recipes for one in options.series for cut in options.cuts]
    ways = ("train", "train + validation", "the same, seeds averaged")
    names = [Path(one).name.split("_")[0].removesuffix(".csv") + one[one.find(".csv") + 4 :] for one in options.series]
    print("| recipe | fitted on | " + " | ".join(names) + " | mean | worst |")
    print("|---|---|" + "---:|" * (len(names) + 2))
    with ProcessPoolExecutor(2) as pool:
        scores = pool.map(score, jobs)
        for recipe in recipes:
            rows = np.asarray([[next(scores) for _ in options.cuts] for _ in names]).mean(axis=1).T
            for way, row in zip(ways, rows, strict=True):
                cells = " | ".join(f"{value:.3f}" for value in row)
                print(f"| {recipe} | {way} | {cells} | {row.mean():.3f} | {row.max():.3f} |", flush=True)


if __name__ == "__main__":
    main()
