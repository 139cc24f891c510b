"""``python -m training gallery``: look at simulated seas beside real ones."""

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.readers import read
from training.cli.options import positive, whole
from training.cli.programs import GALLERY
from training.pretraining.spec import SPECS
from training.publish.gallery import draw_gallery
from training.simulation.seas import simulate_seas
from training.simulation.statistics import STATISTICS, series_statistics

_SHOWN: Final = 12
_QUARTILES: Final = (0.05, 0.5, 0.95)


def main(arguments: list[str]) -> int:
    """Print a table of statistics, and draw a gallery if asked; returns the exit status."""
    options = _parser().parse_args(arguments)
    spec = SPECS[options.step]
    seas = simulate_seas(np.random.default_rng(options.seed), options.step, options.places, spec.training_steps)
    real = {path.stem: read(path).series for path in options.files}
    rows = np.array([series_statistics(sst) for sst in seas.sst])
    print("| | " + " | ".join(STATISTICS) + " |")
    print("|---|" + "---|" * len(STATISTICS))
    for quantile, row in zip(_QUARTILES, np.nanquantile(rows, _QUARTILES, axis=0), strict=True):
        print(_row(f"simulated, {quantile:.0%}", row))
    for name, series in real.items():
        print(_row(name, series_statistics(series.values)))
    if options.out is not None:
        shown = {name: series.values[-spec.training_steps :] for name, series in real.items()}
        for place in range(max(0, _SHOWN - len(shown))):
            latitude = seas.places.latitude[place]
            hemisphere = "N" if latitude >= 0 else "S"
            shown[f"{place + 1}: {seas.kinds[place]}, {abs(latitude):.0f}° {hemisphere}"] = seas.sst[place]
        draw_gallery(shown, options.out)
    return 0


def _row(name: str, statistics: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in statistics) + " |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=GALLERY.name,
        description="Simulate seas like those that train the universal networks, and compare their statistics with "
        "those of real series.",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="real series with the same time step")
    parser.add_argument("--step", required=True, choices=SPECS, help="time step")
    parser.add_argument("--places", type=positive, default=200, metavar="N", help="simulated places (default: 200)")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="random seed (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="draw twelve of the series to this PNG or SVG file")
    return parser
