"""``python -m training pretrain``: train the universal networks of a time step."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from forecasting.networks.device import choose_device
from training.cli.options import add_artifacts_folder, add_workers, positive, whole
from training.cli.programs import PRETRAIN
from training.pretraining.data.real_series import read_real_series
from training.pretraining.fit import FitSettings
from training.pretraining.run import PretrainingSettings, pretrain
from training.pretraining.spec import SPECS


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    fit = FitSettings(epochs=options.epochs, hidden=options.hidden, seed=options.seed)
    spec = SPECS[options.step]
    real_series = read_real_series(spec, options.with_files)
    settings = PretrainingSettings(
        fit=fit, real_series=real_series, device=choose_device(options.device), workers=options.workers
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PRETRAIN.name,
        description="Train an RNN, an LSTM and a GRU on simulated seas, and publish them as a universal release, which "
        "forecasts any series with that time step.",
    )
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
        metavar="FILE",
        help="files with real series to train on too, at the same time step",
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
    add_artifacts_folder(parser)
    add_workers(parser)
    parser.add_argument(
        "--device",
        default="cpu",
        metavar="NAME",
        help="where the networks are fitted: cpu, cuda, cuda:N or auto (default: cpu)",
    )
    parser.add_argument("--quiet", action="store_true", help="hide progress")
    return parser
