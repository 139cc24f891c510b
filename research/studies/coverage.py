"""Coverage of intervals, by what they are calibrated on; measured without any test part.

    python -m research.studies.coverage FILE[:COLUMN][@monthly|@weekly] …

Each series is cut to its first 60 and 80 %, which leaves out its test part, and each cut is divided again into
70 / 10 / 20 %. A network is fitted as in training. Its intervals are calibrated on the inner validation part, or also
on twentieths before it, each forecast by a fit to the data before it. Coverage is measured on the last part.

For each cut and each calibration, a row shows: the share of leads whose coverage is within 3 points or two standard
errors of its level, at 80 and at 95 %; coverage minus the level, in points, over all leads and, with its standard
error, at the first, middle and last lead; and the interval score relative to that of the first calibration, as the
geometric mean over leads and levels.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import torch

from forecasting.evaluation.report import IntervalReport
from forecasting.evaluation.rolling_origin import Evaluation, intervals
from forecasting.models.checkpoint import CPU
from forecasting.models.intervals import ErrorDistribution
from forecasting.models.place.network import NetworkRoller
from research.studies.selection import read
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.fit.cell_networks import FIRST_TWENTIETH, TRAIN_TWENTIETHS, Residuals, earlier_residuals, evaluate
from training.fit.fit_data import FitData
from training.fit.fitting import fit

CUTS: Final = (0.6, 0.8)
"""Shares of each series to use; the largest covers its training and validation parts."""

CELL: Final = "gru"
LEVELS: Final = (80, 95)
TRIED: Final = (12, 10, FIRST_TWENTIETH, 6)
"""Candidates for the first twentieth of the training part to forecast."""

Results = dict[str, dict[int, IntervalReport]]
"""Intervals by calibration and level."""


def judge(job: tuple[str, float]) -> Results:
    """Evaluate the intervals of one cut of a series on its last fifth, by calibration."""
    torch.set_num_threads(1)
    argument, cut = job
    whole = read(argument)
    series = whole.part(0, int(len(whole) * cut)).until_last_observation()
    config = TrainingConfig.for_step(series.step, cells=(CELL,))
    dataset = Dataset.divide(series, config)
    fitted = fit(FitData.of_dataset(dataset, config), CELL, 0, lambda epochs: None)
    validation = evaluate(fitted.selected, CELL, dataset.origins("validation"))
    last = Residuals(validation.origins, validation.residuals(CELL))
    roller = NetworkRoller(fitted.evaluated, series.step, CPU)
    test = Evaluation.run(dataset.origins("test"), {CELL: roller})
    rolled = earlier_residuals(dataset, config, min(TRIED))
    ways = {"validation": list[Residuals]()}
    ways |= {
        f"from twentieth {first} on{', as training does' if first == FIRST_TWENTIETH else ''}": rolled[
            first - TRAIN_TWENTIETHS :
        ]
        for first in TRIED
    }
    results = {}
    for way, earlier in ways.items():
        residuals = Residuals.joined([*earlier, last])
        results[way] = intervals(test, CELL, ErrorDistribution.calibrate(residuals.values, residuals.origins))
    return results


def _row(name: str, way: str, quality: dict[int, IntervalReport], base: dict[int, IntervalReport]) -> str:
    cells = [name, way]
    for level in LEVELS:
        if level not in quality:
            cells += ["none", ""]
            continue
        coverage = quality[level].coverage
        off = 100 * np.asarray(coverage.share) - level
        leads = (0, len(off) // 2, len(off) - 1)
        by_lead = ", ".join(f"{off[lead]:+.1f} ± {100 * coverage.error[lead]:.1f}" for lead in leads)
        cells += [f"{1 - len(coverage.misses(level)) / len(off):.2f}", f"{off.mean():+.1f} ({by_lead})"]
    both = [level for level in LEVELS if level in quality and level in base]
    ratios = [np.log(np.divide(quality[level].score, base[level].score)) for level in both]
    cells.append(f"{np.exp(np.mean(ratios)):.3f}" if both else "")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print a table with a row for each cut and calibration, and the means by calibration."""
    parser = argparse.ArgumentParser(prog="python -m research.studies.coverage", description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="+", help="FILE or FILE:COLUMN, with @monthly or @weekly for means")
    parser.add_argument("--cuts", type=float, nargs="+", default=CUTS)
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default: %(default)s)")
    options = parser.parse_args()
    jobs = [(series, cut) for series in options.series for cut in options.cuts]
    print("| series | calibrated on | 80 %: as stated | less 80 | 95 %: as stated | less 95 | score |")
    print("|---|---|---:|---|---:|---|---:|")
    shares: dict[str, list[float]] = {}
    with ProcessPoolExecutor(options.workers) as pool:
        for (argument, cut), results in zip(jobs, pool.map(judge, jobs), strict=True):
            name = Path(argument).name.replace(".csv", "")
            for way, quality in results.items():
                print(_row(f"{name} {cut:g}", way, quality, results["validation"]), flush=True)
                leads = len(next(iter(quality.values())).score)
                missed = sum(
                    len(quality[level].coverage.misses(level)) if level in quality else leads for level in LEVELS
                )
                shares.setdefault(way, []).append(1 - missed / (len(LEVELS) * leads))
    for way, every in shares.items():
        print(f"{way}: {np.mean(every):.3f} of leads and levels as stated, mean over {len(every)} cuts")


if __name__ == "__main__":
    main()
