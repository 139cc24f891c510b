"""``python -m training``: train networks on a series, and publish them."""

import argparse
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from tqdm import tqdm

from forecasting.bundled import RELEASES
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import FileError, RequestError, SeriesError
from forecasting.networks.device import choose_device
from forecasting.networks.metadata import CELLS
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from training.cli.options import add_artifacts_folder, add_keep, add_workers, number, whole
from training.cli.programs import FETCH, GALLERY, INSPECT, PRETRAIN, RELEASE, ROLLBACK, TRAIN
from training.cli.reading_options import add_reading_options, read_with
from training.cli.summary import dataset_summary, print_unsigned, release_summary
from training.config import DEFAULT_SEED, TrainingConfig
from training.examples.dataset import Dataset
from training.examples.panel import Panel, commonest_step, usable_series
from training.fit.fitting import total_epochs
from training.fit.parallel import jobs
from training.fit.universal_start import Position, UniversalStart
from training.run import Destination, Execution, train


def main(arguments: list[str]) -> int:
    """Train and publish a release; returns 0."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    device = choose_device(options.device)
    destination = Destination(options.name, options.out, options.keep, options.publish_if_not_worse, options.title)
    dataset, config, start, alone = _dataset(options)
    print(dataset_summary(options.data, dataset, start, alone=alone))
    epochs = 0 if alone else total_epochs(dataset, config) * len(jobs(config))
    with tqdm(total=epochs, unit=" epochs", disable=options.quiet or alone or None) as bar:
        execution = Execution(options.workers, device, bar.update, start, alone)
        published = train(dataset, options.data, destination, config, execution)
    print(release_summary(published))
    print_unsigned(published.path)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=TRAIN.name,
        description="Train an RNN, an LSTM and a GRU on an SST series, and publish them as a release.",
        epilog=_other_commands(),
    )
    parser.add_argument("--version", action="version", version=version("sst-forecasting"))
    _add_data_options(parser.add_argument_group("data"))
    _add_network_options(
        parser.add_argument_group("networks", "the same for every cell; the default window depends on the time step")
    )
    _add_release_options(parser.add_argument_group("release"))
    add_workers(parser)
    parser.add_argument(
        "--device", default="auto", metavar="NAME", help="auto (a GPU if there is one), cpu, cuda or cuda:N"
    )
    parser.add_argument("--quiet", action="store_true", help="hide the progress bar")
    return parser


def _other_commands() -> str:
    return (
        f"Other commands, each with --help: '{INSPECT.name}' describes how a file is read, '{FETCH.name}' downloads a "
        f"series from an ERDDAP server, '{ROLLBACK.name}' serves an older release again, and '{RELEASE.name}' signs, "
        f"verifies, moves and imports releases. '{PRETRAIN.name}' trains the universal networks, and '{GALLERY.name}' "
        "compares the seas that they learn from with real ones."
    )


def _add_data_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data", type=Path, required=True, metavar="FILE", help="CSV, ERDDAP, NDBC, NetCDF or Zarr")
    add_reading_options(group)
    group.add_argument(
        "--leave-out",
        type=_names,
        metavar="NAMES",
        help="stations to use for testing only, or none (default: a fifth of them)",
    )
    group.add_argument("--latitude", type=number, metavar="LAT", help="latitude of a single series, degrees north")
    group.add_argument("--longitude", type=number, metavar="LON", help="longitude of a single series, degrees east")


def _add_network_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--cells", type=_cells, metavar="LIST", help="networks to train (default: rnn,lstm,gru)")
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
    add_artifacts_folder(group)
    add_keep(group)
    group.add_argument(
        "--publish-if-not-worse",
        action="store_true",
        help="keep serving the old release if its RMSE is lower on dates that neither was fitted to",
    )


def _cells(text: str) -> tuple[str, ...]:
    names = {cell.strip() for cell in text.split(",")}
    if not names <= set(CELLS):
        raise argparse.ArgumentTypeError(f"unknown cell in {text!r}: cells are {', '.join(CELLS)}")
    return tuple(cell for cell in CELLS if cell in names)


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())


def _dataset(options: argparse.Namespace) -> tuple[Dataset, TrainingConfig, UniversalStart | None, bool]:
    """Read one series, or a panel if the file holds several stations or cells were drawn from its grid.

    Returns:
        The dataset, the settings, the universal networks to start from, if any, and whether the series is too short to
        fit networks to.

    Raises:
        FileError: if the file cannot be trained on.
        RequestError: if the options contradict each other.
    """
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
        return Panel.of(series_by_name, config, options.leave_out, skipped, warnings), config, None, False
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
