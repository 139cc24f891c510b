"""``sst train pretrain`` trains the universal networks; ``sst train gallery`` shows the seas that they learn from."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.console import Command, add_out, positive, whole
from forecasting.models.checkpoint import choose_device
from forecasting.readers import read
from training.cli import GALLERY, PRETRAIN
from training.cli.train import add_workers
from training.config import SPECS
from training.pretraining.network import FitSettings
from training.pretraining.real_series import TEST, read_real_series
from training.pretraining.run import PretrainingSettings, pretrain
from training.publish.plot import draw_gallery
from training.simulation.seas import STATISTICS, series_statistics, simulate_seas

_SHOWN: Final = 12
_QUARTILES: Final = (0.05, 0.5, 0.95)


def _add_pretrain_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--step", required=True, choices=SPECS, help="time step of the series to forecast")
    parser.add_argument(
        "--seas", type=positive, metavar="N", help="simulated series (default: 12000 for days, else 6000)"
    )
    parser.add_argument(
        "--with",
        dest="with_files",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="files or folders with real series to train on too, at the same time step",
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        default=FitSettings.epochs,
        metavar="N",
        help="passes over them (default: %(default)s)",
    )
    parser.add_argument(
        "--hidden",
        type=positive,
        default=FitSettings.hidden,
        metavar="N",
        help="size of the hidden state (default: %(default)s)",
    )
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="random seed (default: 0)")
    add_out(parser)
    add_workers(parser)
    parser.add_argument(
        "--device",
        default="cpu",
        metavar="NAME",
        help="where the networks are fitted: cpu, cuda, cuda:N or auto (default: cpu)",
    )
    parser.add_argument("--quiet", action="store_true", help="hide progress")


def _pretrain(options: argparse.Namespace) -> int:
    fit = FitSettings(epochs=options.epochs, hidden=options.hidden, seed=options.seed)
    spec = SPECS[options.step]
    settings = PretrainingSettings(
        fit=fit,
        real_series=read_real_series(spec, options.with_files),
        held_out_series=read_real_series(spec, options.with_files, TEST),
        device=choose_device(options.device),
        workers=options.workers,
    )
    if options.seas is not None:
        seas = options.seas
        settings = replace(
            settings,
            seas=seas,
            prior_seas=min(seas, settings.prior_seas),
            held_out_seas=min(seas, settings.held_out_seas),
        )

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    path = pretrain(spec, settings, options.out, (lambda line: None) if options.quiet else report)
    print(f"published {path}, which now serves")
    return 0


def _add_gallery_options(parser: argparse.ArgumentParser) -> None:
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
        draw_gallery(shown, options.out)
    return 0


def _row(name: str, statistics: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in statistics) + " |"


PRETRAIN_COMMAND: Final = Command(
    PRETRAIN,
    "Train an RNN, an LSTM and a GRU on simulated seas, and publish them as a universal release, which forecasts any "
    "series with that time step.",
    _add_pretrain_options,
    _pretrain,
)
GALLERY_COMMAND: Final = Command(
    GALLERY,
    "Simulate seas like those that train the universal networks, and compare their statistics with those of real "
    "series.",
    _add_gallery_options,
    _gallery,
)
