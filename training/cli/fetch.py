"""``python -m training fetch``: download a series from an ERDDAP server."""

import argparse
import sys
from pathlib import Path

from forecasting.erddap import SeriesQuery, Span
from forecasting.errors import ForecastError
from forecasting.series.times import iso, parse_time
from training.cli.programs import FETCH, INSPECT
from training.sources.download import Downloader
from training.sources.fetch import fetch


def main(arguments: list[str]) -> int:
    """Fetch a series; returns 0."""
    options = _parser().parse_args(arguments)
    query = SeriesQuery(
        tuple(options.variable), options.start, options.end, options.lat, options.lon, options.depth, options.station
    )
    with Downloader.open(tell=lambda message: print(message, file=sys.stderr)) as downloader:
        fetched = fetch(options.erddap, options.dataset, query, options.output, downloader)
    print(f"{fetched.path}: {fetched.rows} rows from {fetched.url}")
    print(f"{fetched.source}: source and licence of the data")
    print(f"next: {INSPECT.name} {fetched.path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=FETCH.name,
        description="Download one series from an ERDDAP server, from a table or a grid, into a CSV file.",
        epilog="A SPAN is one number, or two separated by a colon, such as 43.5:44. If it starts with a minus sign, "
        "write it after an equals sign: --lon=-122.4.",
    )
    parser.add_argument("--erddap", required=True, metavar="URL", help="address of the server, as in https://…/erddap")
    parser.add_argument("--dataset", required=True, metavar="ID", help="dataset ID on the server")
    parser.add_argument(
        "--variable", required=True, action="append", metavar="V", help="temperature variable; repeatable"
    )
    parser.add_argument("--from", dest="start", type=_time, metavar="TIME", help="first time, ISO 8601")
    parser.add_argument("--to", dest="end", type=_time, metavar="TIME", help="last time, ISO 8601")
    parser.add_argument("--lat", type=_span, metavar="SPAN", help="degrees north")
    parser.add_argument("--lon", type=_span, metavar="SPAN", help="degrees east, −180 to 180 or 0 to 360")
    parser.add_argument("--depth", type=_span, metavar="SPAN", help="in the units of the dataset")
    parser.add_argument("--station", metavar="NAME", help="station in a table")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="file to write; replaced if it exists"
    )
    return parser


def _time(text: str) -> str:
    try:
        return iso(parse_time(text))
    except ForecastError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _span(text: str) -> Span:
    try:
        low, _, high = text.partition(":")
        span = float(low), float(high or low)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, or two as in 43.5:44, got {text!r}") from None
    if not span[0] <= span[1]:
        raise argparse.ArgumentTypeError(f"{text!r} is in the wrong order: write the lower number first")
    return span
