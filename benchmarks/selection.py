"""Which training recipe to make the default, decided without any test part.

    python -m benchmarks.selection FILE[:COLUMN][@monthly] …

Each series is cut to its first 80 %, which leaves the test part out, and divided anew into 70 / 10 / 20 %. A recipe is
scored on the last of these, as test RMSE over that of the linear autoregression, averaged over cells and seeds, both
for the weights fitted on the inner training part alone and for those fitted again with the validation part.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from forecasting.baselines import Baselines
from forecasting.checkpoint import CELLS, script
from forecasting.forecaster import NetworkRoller
from forecasting.readers import read_csv
from forecasting.rolling import Roller
from forecasting.series import SstSeries
from forecasting.timestep import MONTH
from training.config import TrainingConfig
from training.dataset import Dataset
from training.evaluate import Evaluation
from training.fit import fit

SEEN: Final = 0.8
"""Share of each series that is looked at: train and validation."""

RECIPES: Final[dict[str, dict[str, Any]]] = {
    "squared loss, no regularisation": {"huber_delta": 1e6, "dropout": 0.0, "weight_decay": 0.01},
    "Huber 1": {"dropout": 0.0, "weight_decay": 0.01},
    "Huber 1, dropout 0.2": {"weight_decay": 0.01},
    "Huber 1, dropout 0.2, decay 0.3": {},
    "… with Huber 0.5": {"huber_delta": 0.5},
    "… with two harmonics": {"harmonics": 2},
    "… with half the window": {"window": 0.5},
    "… with all three of these": {"huber_delta": 0.5, "harmonics": 2, "window": 0.5},
}


def read(argument: str) -> SstSeries:
    """The part of a series that may be looked at."""
    argument, _, monthly = argument.partition("@")
    path, _, column = argument.partition(":")
    series = read_csv(Path(path), value_column=column or None)
    if monthly:
        means = series.to_pandas().dropna().tz_localize(None).resample("MS").mean()
        series = SstSeries.from_pandas(means, step=MONTH)
    return series.part(0, int(len(series) * SEEN)).until_last_observation()


def score(job: tuple[str, str, int]) -> tuple[float, float]:
    """Ratios to the linear autoregression without and with the refit, mean over the cells."""
    torch.set_num_threads(1)
    argument, recipe, seed = job
    series = read(argument)
    settings = dict(RECIPES[recipe])
    config = TrainingConfig.for_step(series.step, horizon=1)
    if "window" in settings:
        settings["window"] = int(config.window * settings["window"])
    reference = Dataset.divide(series, config)
    config = TrainingConfig.for_step(series.step, horizon=1, **settings)
    dataset = Dataset.divide(series, config)
    linear = Baselines.fit(reference.past("validation"), reference.window, reference.fill_limit, 1).rollers()["linear"]
    rmse = Evaluation.run(reference.origins("test"), {"linear": linear}).accuracy("linear").rmse[0]
    ratios = []
    for cell in CELLS:
        fitted = fit(dataset, config, cell, seed, lambda epochs: None)
        networks: dict[str, Roller] = {
            name: NetworkRoller(script(network), series.step, torch.device("cpu"))
            for name, network in (("once", fitted.selected), ("again", fitted.final))
        }
        test = Evaluation.run(dataset.origins("test"), networks)
        ratios.append([test.accuracy(name).rmse[0] / rmse for name in networks])
    once, again = np.mean(ratios, axis=0)
    return float(once), float(again)


def main() -> None:
    """Print a table, one row a recipe."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection", description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="+", help="FILE, FILE:COLUMN, or either with @monthly for monthly means")
    parser.add_argument("--recipes", default=",".join(map(str, range(len(RECIPES)))), help="numbers, from 0")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    recipes = [list(RECIPES)[int(number)] for number in options.recipes.split(",")]
    jobs = [(one, recipe, seed) for recipe in recipes for one in options.series for seed in range(options.seeds)]
    with ProcessPoolExecutor(2) as pool:
        scores = np.asarray(list(pool.map(score, jobs)))
    table = scores.reshape(len(recipes), len(options.series), options.seeds, 2).mean(axis=2)
    names = [Path(one).name.split("_")[0].removesuffix(".csv") + one[one.find(".csv") + 4 :] for one in options.series]
    print("| recipe | fitted on | " + " | ".join(names) + " | mean |")
    print("|---|---|" + "---:|" * (len(names) + 1))
    for recipe, row in zip(recipes, table, strict=True):
        for k, part in enumerate(("train", "train + validation")):
            cells = " | ".join(f"{value:.3f}" for value in row[:, k])
            print(f"| {recipe} | {part} | {cells} | {row[:, k].mean():.3f} |")


if __name__ == "__main__":
    main()
