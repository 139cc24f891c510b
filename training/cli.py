"""The command line of training."""

import argparse
import io
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import ValidationError
from tqdm import tqdm

from forecasting.device import choose_device
from forecasting.errors import FileError, ForecastError, RequestError, SeriesError
from forecasting.metadata import CELLS
from forecasting.report import ModelReport
from forecasting.table import accuracy_table
from forecasting.timestep import TimeStep, in_words, one_each, short
from training import fetch_cli, inspect_cli
from training.by_station import stations_in_words
from training.config import DEFAULT_SEED, TrainingConfig
from training.dataset import Dataset
from training.fit import total_epochs
from training.panel import Panel, commonest_step, usable_series
from training.parallel import jobs
from training.publish import rollback
from training.reading import add_reading_options, positive, read_with
from training.report_markdown import misses_in_words, rank_in_words
from training.run import Destination, Published, train


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 2 refused with a sentence; inspect has 1 besides."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± is no reason to fail
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        command = _COMMANDS.get(arguments[0]) if arguments else None
        if command is not None:
            return command(arguments[1:])
        return _train(_train_parser().parse_args(arguments))
    except ForecastError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2


def _train_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train an RNN, an LSTM and a GRU on an SST series and publish them as a release.",
        epilog="Other commands, each with --help: inspect FILE says what is understood of a file; fetch takes a series "
        "from an ERDDAP server; rollback NAME [VERSION] makes an older release serve again.",
    )
    parser.add_argument("--version", action="version", version=version("sst-forecasting"))
    data = parser.add_argument_group("data")
    data.add_argument("--data", type=Path, required=True, metavar="FILE", help="CSV, ERDDAP, NDBC, NetCDF or Zarr")
    add_reading_options(data)
    data.add_argument(
        "--leave-out", type=_names, metavar="NAMES", help="stations to test on alone; none; default: a fifth of them"
    )
    model = parser.add_argument_group("networks", "the same for every cell; defaults for the window go by the step")
    model.add_argument("--cells", type=_cells, metavar="LIST", help="default: rnn,lstm,gru")
    model.add_argument("--window", type=int, metavar="N", help="values that a forecast starts from")
    model.add_argument("--horizon", type=int, metavar="N", help="leads that are fitted to, evaluated and calibrated")
    model.add_argument("--hidden", type=int, metavar="N", help="size of the hidden state")
    model.add_argument("--layers", type=int, metavar="N", help="recurrent layers")
    model.add_argument("--epochs", type=int, metavar="N", help="passes over the training windows")
    model.add_argument("--seed", type=int, metavar="N", help=f"default: {DEFAULT_SEED}")
    model.add_argument("--seeds", type=int, metavar="N", help="train N seeds for the spread, publish the first")
    release = parser.add_argument_group("release")
    release.add_argument("--name", required=True, help="of the dataset: artifacts/NAME/VERSION/")
    release.add_argument("--out", type=Path, default=Path("artifacts"), metavar="DIR", help="default: %(default)s")
    release.add_argument("--keep", type=_count, metavar="N", help="old releases that stay; default: all")
    release.add_argument(
        "--publish-if-not-worse", action="store_true", help="let the old one serve on if its validation RMSE is lower"
    )
    parser.add_argument(
        "--resume", action="store_true", help="take up what is done of the same run, where it was interrupted"
    )
    parser.add_argument(
        "--workers", type=positive, default=os.cpu_count() or 1, metavar="N", help="processes (default: one a core)"
    )
    parser.add_argument(
        "--device", default="auto", metavar="NAME", help="auto (a GPU where there is one), cpu, cuda or cuda:N"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _rollback_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training rollback", description="Make an older release serve.")
    parser.add_argument("name", help="of the dataset")
    parser.add_argument("version", nargs="?", help="default: the one before the current")
    parser.add_argument("--out", type=Path, default=Path("artifacts"), metavar="DIR", help="default: %(default)s")
    return parser


def _cells(text: str) -> tuple[str, ...]:
    named = {cell.strip() for cell in text.split(",")}
    if not named <= set(CELLS):
        raise argparse.ArgumentTypeError(f"{text!r}: cells are {', '.join(CELLS)}")
    return tuple(cell for cell in CELLS if cell in named)


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def _rollback(arguments: list[str]) -> int:
    options = _rollback_parser().parse_args(arguments)
    version = rollback(options.out, options.name, options.version)
    print(f"{options.out / options.name}: {version} serves now")
    return 0


def _train(options: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    device = choose_device(options.device)
    destination = Destination(options.name, options.out, options.keep, options.publish_if_not_worse)
    dataset, config = _dataset(options)
    print(_understood(options.data, dataset))
    epochs = total_epochs(dataset, config) * len(jobs(config))
    with tqdm(total=epochs, unit=" epochs", disable=options.quiet or None) as bar:
        published = train(
            dataset,
            options.data,
            destination,
            config,
            resume=options.resume,
            workers=options.workers,
            device=device,
            progress=bar.update,
        )
    print(_summary(published))
    return 0


def _dataset(options: argparse.Namespace) -> tuple[Dataset, TrainingConfig]:
    """One series, or a panel where the file holds several stations or cells were drawn from its grid.

    Raises:
        FileError: if there is nothing to train on: why, and what to do.
    """
    if options.sample == 1:
        raise RequestError("--sample 1: draw two or more, or take one cell with --at LAT,LON", field="sample")
    reading = read_with(options.data, options)
    if len(reading.stations) < 2:
        if options.sample is not None or options.leave_out is not None:
            raise FileError(f"{options.data}: holds one series: --sample and --leave-out are for several")
        series = reading.series.until_last_observation()
        config = _config(series.step, options)
        try:
            return Dataset.divide(series, config), config
        except SeriesError as error:
            raise FileError(f"{options.data}: {error}") from None
    try:
        known, skipped = usable_series(reading.stations)
        config = _config(commonest_step(known.values()), options)
        warnings = {one.name or "": one.warnings for one in reading.stations}
        return Panel.of(known, config, options.leave_out, skipped, warnings), config
    except SeriesError as error:
        raise FileError(f"{options.data}: {error}") from None


def _config(step: TimeStep, options: argparse.Namespace) -> TrainingConfig:
    names = ("cells", "window", "horizon", "hidden", "layers", "epochs", "seed", "seeds")
    settings: dict[str, Any] = {name: getattr(options, name) for name in names}
    try:
        return TrainingConfig.for_step(step, **settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        limits = TrainingConfig.model_fields[name].metadata
        least, most = (next(getattr(one, end) for one in limits if hasattr(one, end)) for end in ("ge", "le"))
        raise RequestError(
            f"--{name} {first['input']} is out of range: it may be {least} to {most}", field=name
        ) from None


def _understood(path: Path, dataset: Dataset) -> str:
    series = dataset.series
    each = one_each(str(series.step))
    if isinstance(dataset, Panel):
        said, notes = f"{path}: several stations", dataset.notes
    else:
        said, notes = f"{path}: {len(series)} values", series.describe()
        each += f", from {short(series.times[0])} to {short(series.times[-1])}"
    return "\n".join([f"{said}, {each}", *(f"  {note}" for note in notes)])


def _summary(published: Published) -> str:
    report = published.report
    test = report.periods["test"]
    lines = [
        f"\nTest part {test.start} to {test.end}, {in_words(report.step)} ahead, °C:\n",
        accuracy_table(report),
        "",
        rank_in_words(report),
        *_intervals(report.best),
        *stations_in_words(report),
        "",
    ]
    for cell, spread in report.seeds.items():
        lines.append(f"{cell}: test RMSE {spread.mean:.4f} ± {spread.std:.4f} over {len(spread.seeds)} seeds")
    lines += [f"removed {version}" for version in published.removed]
    state = "serves now" if published.serves else "does not serve: its validation RMSE is worse than the current one's"
    return "\n".join([*lines, f"{published.path} {state}"])


def _intervals(best: ModelReport) -> list[str]:
    said = [
        f"  {misses_in_words(best.intervals[level].coverage, level)}" for level in (80, 95) if level in best.intervals
    ]
    return ["Its intervals, by the share of the test part that they hold:", *said] if said else []


_COMMANDS: Final[dict[str, Callable[[list[str]], int]]] = {
    "fetch": fetch_cli.main,
    "inspect": inspect_cli.main,
    "rollback": _rollback,
}
