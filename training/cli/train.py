"""``sst train`` publishes networks trained on a series; ``sst release import``, networks trained elsewhere."""

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import ValidationError
from tqdm import tqdm

from forecasting.bundled import RELEASES
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.console import (
    Command,
    add_out,
    add_reading_options,
    add_version,
    not_negative,
    number,
    parsed_by,
    positive,
    whole,
)
from forecasting.errors import FileError, RequestError, SeriesError
from forecasting.evaluation.report import accuracy_table
from forecasting.models.checkpoint import choose_device
from forecasting.models.metadata import CELLS
from forecasting.references.baselines import BASELINES
from forecasting.releases.release import is_cell_name, versions
from forecasting.releases.trust import SIGNATURES, VARIABLE
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import parse_time, short
from forecasting.series.timestep import TimeStep, in_words, one_each
from forecasting.wording import counted
from training.cli import FETCH, INSPECT, RELEASE, TRAIN
from training.cli.data import read_with
from training.config import DEFAULT_SEED, TrainingConfig
from training.data.dataset import Dataset, commonest_step, usable_series
from training.fit.fitting import jobs, total_epochs
from training.fit.universal_start import Position, UniversalStart
from training.importing.contract import CHECK_SECONDS
from training.importing.run import Import, import_models
from training.publish.card import describe_caveats, describe_coverage, describe_rank, describe_starts, describe_stations
from training.run import Destination, Execution, Published, train

_RESERVED: Final = frozenset({"best", "all", "none", "observed", "report", "baselines", "manifest", *BASELINES})
"""Names that mean something else in requests, tables or the files of a release."""


def _train(options: argparse.Namespace) -> int:
    """Train and publish a release."""
    torch.set_num_threads(1)
    device = choose_device(options.device)
    destination = Destination(options.name, options.out, options.keep, options.publish_if_not_worse, options.title)
    dataset, config, start, alone = _dataset(options)
    notes = [*dataset.notes, *_start_notes(start, alone)]
    _print_data(options.data, dataset.series, notes, several=bool(dataset.members))
    epochs = 0 if alone else total_epochs(dataset, config) * len(jobs(config))
    with tqdm(total=epochs, unit=" epochs", disable=options.quiet or alone or None) as bar:
        execution = Execution(options.workers, device, bar.update, start, alone)
        published = train(dataset, options.data, destination, config, execution)
    _print_published(published)
    return 0


def _add_train_options(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    data = parser.add_argument_group("data")
    _add_data(data)
    data.add_argument(
        "--leave-out",
        type=_names,
        metavar="NAMES",
        help="stations to use for testing only, or none (default: a fifth of them)",
    )
    data.add_argument("--latitude", type=number, metavar="LAT", help="latitude of a single series, degrees north")
    data.add_argument("--longitude", type=number, metavar="LON", help="longitude of a single series, degrees east")
    _add_network_options(
        parser.add_argument_group("networks", "the same for every cell; the default window depends on the time step")
    )
    release = parser.add_argument_group("release")
    _add_release_options(release)
    release.add_argument(
        "--publish-if-not-worse",
        action="store_true",
        help="keep serving the old release if its RMSE is lower on dates that neither was fitted to",
    )
    add_workers(parser)
    parser.add_argument(
        "--device", default="auto", metavar="NAME", help="auto (a GPU if there is one), cpu, cuda or cuda:N"
    )
    parser.add_argument("--quiet", action="store_true", help="hide the progress bar")


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data", type=Path, required=True, metavar="FILE", help="CSV, ERDDAP, NDBC, NetCDF or Zarr")
    add_reading_options(group)


def _add_network_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--cells", type=_kinds, metavar="LIST", help="networks to train (default: rnn,lstm,gru)")
    group.add_argument("--window", type=whole, metavar="N", help="number of values that a forecast starts from")
    group.add_argument("--horizon", type=whole, metavar="N", help="number of leads to fit, evaluate and calibrate")
    group.add_argument("--hidden", type=whole, metavar="N", help="size of the hidden state")
    group.add_argument("--layers", type=whole, metavar="N", help="number of recurrent layers")
    group.add_argument(
        "--from-scratch", action="store_true", help="do not start from the universal network of the time step"
    )
    group.add_argument("--epochs", type=whole, metavar="N", help="passes over the training windows")
    group.add_argument("--seed", type=whole, metavar="N", help=f"random seed (default: {DEFAULT_SEED})")
    group.add_argument(
        "--seeds", type=whole, metavar="N", help="train N seeds to measure the spread; publish the first"
    )


def _add_release_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--name", required=True, help="name of the dataset; releases go to artifacts/NAME/VERSION/")
    group.add_argument("--title", metavar="TEXT", help="display name of the place, as in 'Venice, Lido pier'")
    add_out(group)
    group.add_argument("--keep", type=not_negative, metavar="N", help="number of old releases to keep (default: all)")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers``."""
    parser.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="number of processes (default: one per core)",
    )


def _kinds(text: str) -> tuple[str, ...]:
    names = {cell.strip() for cell in text.split(",")}
    if not names <= set(CELLS):
        raise argparse.ArgumentTypeError(f"unknown cell in {text!r}: cells are {', '.join(CELLS)}")
    return tuple(cell for cell in CELLS if cell in names)


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())


def _dataset(options: argparse.Namespace) -> tuple[Dataset, TrainingConfig, UniversalStart | None, bool]:
    """Read one series, or a panel if the file holds several stations or cells were drawn from its grid."""
    if options.sample == 1:
        raise RequestError("--sample 1: draw two or more cells, or take one with --at LAT,LON", field="sample")
    reading = read_with(options.data, options)
    if len(reading.stations) < 2:
        if options.sample is not None or options.leave_out is not None:
            raise FileError(f"{options.data}: holds one series; --sample and --leave-out need several")
        known = reading.stations[0].position if reading.stations else None
        return _single(reading.series.until_last_observation(), options, known)
    if _position(options) is not None and options.at is None:
        raise RequestError("--latitude and --longitude are for a single series", field="latitude")
    try:
        series_by_name, skipped = usable_series(reading.stations)
        config = _config(commonest_step(series_by_name.values()), options)
        warnings = {station.name or "": station.warnings for station in reading.stations}
        return Dataset.panel(series_by_name, config, options.leave_out, skipped, warnings), config, None, False
    except SeriesError as error:
        raise FileError(f"{options.data}: {error}") from None


def _single(
    series: SstSeries, options: argparse.Namespace, known: Position | None
) -> tuple[Dataset, TrainingConfig, UniversalStart | None, bool]:
    """The result of :func:`_dataset` for one series, whose file may say its position."""
    config = _config(series.step, options)
    start = _start(series, options, known)
    try:
        try:
            dataset = Dataset.divide(series, config)
            return dataset, config, start if start and start.suits(config) else None, False
        except SeriesError:
            if start is None:
                raise
            config = _config(series.step, options, **start.short_settings(series))
            if not start.suits(config):
                raise
        return Dataset.divide_short(series, config), config, start, True
    except SeriesError as error:
        raise FileError(f"{options.data}: {error}") from None


def _start(series: SstSeries, options: argparse.Namespace, known: Position | None) -> UniversalStart | None:
    if options.from_scratch:
        return None
    if known is not None and not GlobalClimatology.load().is_sea(*known).all():
        known = None
    return UniversalStart.find([options.out, Path("artifacts"), RELEASES], series, _position(options) or known)


def _position(options: argparse.Namespace) -> Position | None:
    """The position that the options state, of the place or of the cell of a grid."""
    stated = (options.latitude, options.longitude)
    if None not in stated:
        return stated
    if stated != (None, None):
        raise RequestError("--latitude and --longitude belong together: give both", field="latitude")
    at: Position | None = options.at
    return at


def _config(step: TimeStep, options: argparse.Namespace, **defaults: int) -> TrainingConfig:
    """The settings for a step: those of the options, then ``defaults``, then those that follow from the step."""
    names = ("cells", "window", "horizon", "hidden", "layers", "epochs", "seed", "seeds")
    stated: dict[str, Any] = {name: getattr(options, name) for name in names}
    settings = defaults | {name: value for name, value in stated.items() if value is not None}
    try:
        return TrainingConfig.for_step(step, **settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        limits = TrainingConfig.model_fields[name].metadata
        low, high = (next(getattr(limit, end) for limit in limits if hasattr(limit, end)) for end in ("ge", "le"))
        raise RequestError(
            f"--{name} {first['input']} is out of range: choose a value from {low} to {high}", field=name
        ) from None


def _add_import_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="+", type=Path, metavar="MODEL", help="TorchScript file that follows the checkpoint contract"
    )
    _add_data(parser.add_argument_group("data"))
    evaluation = parser.add_argument_group("evaluation")
    evaluation.add_argument("--horizon", type=positive, metavar="N", help="number of leads to evaluate and calibrate")
    evaluation.add_argument(
        "--trained-until",
        type=parsed_by(parse_time),
        metavar="DATE",
        help="time of the last value that the networks were trained on (default: unknown)",
    )
    evaluation.add_argument(
        "--time-limit",
        type=positive,
        default=round(CHECK_SECONDS),
        metavar="SECONDS",
        help="how long the check of a network may take (default: %(default)s)",
    )
    release = parser.add_argument_group("release")
    _add_release_options(release)
    release.add_argument(
        "--cell",
        "--cells",
        dest="cells",
        type=lambda text: text.split(","),
        metavar="LIST",
        help="a name for each network, separated by commas (default: the names of the files)",
    )


def _import(options: argparse.Namespace) -> int:
    """Check, evaluate and publish networks that were trained elsewhere."""
    torch.set_num_threads(1)
    models = dict(zip(_cells(options.cells, options.models), options.models, strict=True))
    destination = Destination(options.name, options.out, options.keep, title=options.title)
    wanted = Import(models, options.horizon, options.trained_until, options.time_limit)
    series = read_with(options.data, options).series.until_last_observation()
    _print_data(options.data, series, series.describe())
    _print_published(import_models(wanted, series, options.data, destination))
    return 0


def _cells(given: Sequence[str] | None, models: Sequence[Path]) -> list[str]:
    """Return the name of each network, by default that of its file."""
    names = [path.stem.lower().replace("-", "_") for path in models] if given is None else [*map(str.strip, given)]
    if len(names) != len(models):
        raise RequestError(
            f"--cells has {counted(len(names), 'name')} for {counted(len(models), 'file')}: give one for each",
            field="cells",
        )
    for name in names:
        if not is_cell_name(name):
            raise RequestError(
                f"{name[:40]!r} is not a valid name for a network: give one with --cells, of up to 32 lower-case "
                "letters, digits and underscores, beginning with a letter",
                field="cells",
            )
        if name in _RESERVED or names.count(name) > 1:
            reason = "is reserved" if name in _RESERVED else "is used twice"
            raise RequestError(f"the name {name} {reason}: give another one with --cells", field="cells")
    return names


def _print_data(path: Path, series: SstSeries, notes: Iterable[str], *, several: bool = False) -> None:
    """Print a line on the data that were read from ``path``, and an indented line for each note."""
    values = "several stations" if several else f"{len(series)} values"
    span = "" if several else f", from {short(series.times[0])} to {short(series.times[-1])}"
    print(f"{path}: {values}, {one_each(str(series.step))}{span}", *(f"  {note}" for note in notes), sep="\n")


def _start_notes(start: UniversalStart | None, alone: bool) -> list[str]:
    if start is None:
        return []
    if alone:
        return [f"too short to fit networks to: {start.dataset} is used as is, with this series", start.note]
    return [f"may start from {start.dataset}", start.note]


def _print_published(published: Published) -> None:
    """Print the accuracy of a new release one step ahead, its weak points, whether it serves, and how to sign it."""
    report = published.report
    test, intervals = report.periods["test"], report.best.intervals
    lines = [
        f"\nTest part {test.start} to {test.end}, {in_words(report.step)} ahead, °C:\n",
        accuracy_table(report),
        "",
        describe_rank(report),
        *describe_caveats(report),
    ]
    stated = [f"  {describe_coverage(intervals[level].coverage, level)}" for level in (80, 95) if level in intervals]
    if stated:
        lines += ["Coverage of its intervals on the test part:", *stated]
    lines += [*describe_stations(report), *describe_starts(report), ""]
    for cell, spread in report.seeds.items():
        lines.append(f"{cell}: test RMSE {spread.mean:.4f} ± {spread.std:.4f} over {len(spread.seeds)} seeds")
    lines += [f"removed {version}" for version in published.removed]
    if published.comparison:
        lines.append(f"Comparison: {published.comparison}.")
    path = published.path
    lines.append(f"{path} {'is now serving' if published.serves else 'was published but is not serving'}")
    others = [path.parent / version for version in versions(path.parent) if version != path.name]
    if os.environ.get(VARIABLE) or any((other / SIGNATURES).exists() for other in others):
        command = RELEASE.subcommand("sign").name
        lines.append(
            f"{path} is not signed: services that trust only some keys do not load it. Sign it with {command} {path} "
            "--key FILE"
        )
    print("\n".join(lines))


TRAIN_COMMAND: Final = Command(
    TRAIN,
    "Train an RNN, an LSTM and a GRU on an SST series, and publish them as a release.",
    _add_train_options,
    _train,
    f"Other commands, each with --help: '{INSPECT.name}' describes how a file is read, '{FETCH.name}' downloads a "
    f"series from an ERDDAP server, and '{RELEASE.name}' signs, verifies, moves and imports releases, and serves an "
    "older one again.",
)
IMPORT_COMMAND: Final = Command(
    RELEASE.subcommand("import"),
    "Check networks that were trained elsewhere, evaluate them on a series beside the references, calibrate their "
    "intervals, and publish them as a release.",
    _add_import_options,
    _import,
    "Importing a network runs code from its file: import only files from people you trust.",
)
