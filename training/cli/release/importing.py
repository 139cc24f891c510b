"""``python -m training release import``: publish a network that was trained elsewhere."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from forecasting.errors import RequestError, SeriesError
from forecasting.references.baselines import BASELINES
from forecasting.releases.release import is_cell_name
from forecasting.series.times import parse_time
from forecasting.wording import counted
from training.cli.options import add_artifacts_folder, add_keep, positive
from training.cli.programs import RELEASE
from training.cli.reading_options import add_reading_options, read_with
from training.cli.summary import print_unsigned, release_summary, series_summary
from training.importing.checking import CHECK_SECONDS
from training.importing.run import Import, import_models
from training.run import Destination

_RESERVED: Final = frozenset({"best", "all", "none", "observed", "report", "baselines", "manifest", *BASELINES})
"""Names that mean something else in requests, tables or the files of a release."""


def main(arguments: list[str]) -> int:
    """Import networks; returns 0."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    models = dict(zip(_cells(options.cells, options.models), options.models, strict=True))
    destination = Destination(options.name, options.out, options.keep, title=options.title)
    wanted = Import(models, options.horizon, options.trained_until, options.time_limit)
    series = read_with(options.data, options).series.until_last_observation()
    print(series_summary(options.data, series))
    published = import_models(wanted, series, options.data, destination)
    print(release_summary(published))
    print_unsigned(published.path)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=RELEASE.subcommand("import").name,
        description="Check networks that were trained elsewhere, evaluate them on a series beside the references, "
        "calibrate their intervals, and publish them as a release.",
        epilog="Importing a network runs code from its file: import only files from people you trust.",
    )
    parser.add_argument(
        "models", nargs="+", type=Path, metavar="MODEL", help="TorchScript file that follows the checkpoint contract"
    )
    data = parser.add_argument_group("data")
    data.add_argument("--data", type=Path, required=True, metavar="FILE", help="CSV, ERDDAP, NDBC, NetCDF or Zarr")
    add_reading_options(data)
    evaluation = parser.add_argument_group("evaluation")
    evaluation.add_argument("--horizon", type=positive, metavar="N", help="number of leads to evaluate and calibrate")
    evaluation.add_argument(
        "--trained-until",
        type=_time,
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
    _add_release_options(parser.add_argument_group("release"))
    return parser


def _add_release_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--name", required=True, help="name of the dataset; releases go to artifacts/NAME/VERSION/")
    group.add_argument(
        "--cell",
        "--cells",
        dest="cells",
        type=lambda text: text.split(","),
        metavar="LIST",
        help="a name for each network, separated by commas (default: the names of the files)",
    )
    group.add_argument("--title", metavar="TEXT", help="display name of the place, as in 'Venice, Lido pier'")
    add_artifacts_folder(group)
    add_keep(group)


def _time(text: str) -> np.datetime64:
    try:
        return parse_time(text)
    except SeriesError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _cells(given: Sequence[str] | None, models: Sequence[Path]) -> list[str]:
    """Return the name of each network, by default that of its file.

    Raises:
        RequestError: if a name is not valid, is taken, or their number is not that of the files.
    """
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
