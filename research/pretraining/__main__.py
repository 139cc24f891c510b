"""``python -m research.pretraining --step day --with data/corpus``: train universal networks and publish them."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from forecasting.console import Command, Program, add_out, name_as_module, positive, run_process, whole
from forecasting.models.checkpoint import choose_device
from research.pretraining.network import FitSettings
from research.pretraining.real_series import TEST, read_real_series
from research.pretraining.run import PretrainingSettings, pretrain
from research.spec import SPECS
from training.cli.train import add_workers

PRETRAIN: Final = Program("pretrain")


def _add_options(parser: argparse.ArgumentParser) -> None:
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


COMMAND: Final = Command(
    PRETRAIN,
    "Train an RNN, an LSTM and a GRU on simulated seas, and publish them as a universal release, which forecasts any "
    "series with that time step.",
    _add_options,
    _pretrain,
)

if __name__ == "__main__":
    name_as_module("research.pretraining", PRETRAIN.words)
    sys.exit(run_process(lambda: COMMAND.main(sys.argv[1:]), PRETRAIN, "interrupted; nothing was published"))
