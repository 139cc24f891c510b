"""``python -m research.simulation --step day FILE``: compare simulated seas with real ones."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from forecasting.console import Command, Program, name_as_module, positive, run_process, whole
from forecasting.readers import read
from forecasting.series.times import Floats
from research.simulation.seas import STATISTICS, series_statistics, simulate_seas
from research.spec import SPECS

GALLERY: Final = Program("gallery")
_SHOWN: Final = 12
_COLUMNS: Final = 3
_QUARTILES: Final = (0.05, 0.5, 0.95)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="real series with the same time step")
    parser.add_argument("--step", required=True, choices=SPECS, help="time step")
    parser.add_argument("--places", type=positive, default=200, metavar="N", help="simulated places (default: 200)")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="random seed (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="draw twelve of the series to this PNG or SVG file")


def _gallery(options: argparse.Namespace) -> int:
    """Print a table of statistics, and draw a gallery if asked."""
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
        _draw(shown, options.out)
    return 0


def _row(name: str, statistics: Floats) -> str:
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in statistics) + " |"


def _draw(series: Mapping[str, Floats], path: Path) -> None:
    """Draw each of ``series``, °C ``(steps,)``, under its name, and write the figure to ``path`` (PNG or SVG)."""
    rows = -(-len(series) // _COLUMNS)
    figure = Figure(figsize=(10, 1.9 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes, (name, values) in zip(panels, series.items(), strict=False):
        axes.plot(values, lw=0.6, color="#0072b2")
        axes.set_title(name, loc="left", fontsize="small")
        axes.tick_params(labelsize="x-small")
        axes.margins(x=0.01)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(series) :]:
        axes.remove()
    figure.supylabel("°C", fontsize="small")
    figure.savefig(path, dpi=110)


COMMAND: Final = Command(
    GALLERY,
    "Simulate seas like those that train the universal networks, and compare their statistics with those of real "
    "series.",
    _add_options,
    _gallery,
)

if __name__ == "__main__":
    name_as_module("research.simulation", GALLERY.words)
    sys.exit(run_process(lambda: COMMAND.main(sys.argv[1:]), GALLERY))
