"""``python -m training fetch``: a series from an ERDDAP server."""

import argparse
import sys
from pathlib import Path

from forecasting.console import command_name
from forecasting.errors import ForecastError
from forecasting.series.timestep import iso, parse_time
from training.sources.download import Downloader
from training.sources.erddap import SeriesQuery, Span
from training.sources.fetch import fetch


def main(arguments: list[str]) -> int:
    """Fetch a series; returns 0."""
    options = _parser().parse_args(arguments)
    query = SeriesQuery(
        tuple(options.variable), options.start, options.end, options.lat, options.lon, options.depth, options.station
    )
    with Downloader.open(tell=lambda said: print(said, file=sys.stderr)) as downloader:
        done = fetch(options.erddap, options.dataset, query, options.output, downloader)
    print(f"{done.path}: {done.rows} rows from {done.url}")
    print(f"{done.source}: where they came from, and their licence")
    print(f"{command_name('inspect', 'training inspect')} {done.path} says what can be made of them")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=command_name("fetch", "training fetch"),
        description="Take one series from an ERDDAP server, table or grid, into a CSV file.",
        epilog="A span is one number or two as 43.5:44; write --lon=-122.4 where it begins with a minus.",
    )
    parser.add_argument("--erddap", required=True, metavar="URL", help="of the server, as https://…/erddap")
    parser.add_argument("--dataset", required=True, metavar="ID", help="as the server names it")
    parser.add_argument("--variable", required=True, action="append", metavar="V", help="of temperature; repeatable")
    parser.add_argument("--from", dest="start", type=_time, metavar="TIME", help="first time, ISO 8601")
    parser.add_argument("--to", dest="end", type=_time, metavar="TIME", help="last time, ISO 8601")
    parser.add_argument("--lat", type=_span, metavar="SPAN", help="degrees north")
    parser.add_argument("--lon", type=_span, metavar="SPAN", help="degrees east, of either habit")
    parser.add_argument("--depth", type=_span, metavar="SPAN", help="in the dataset's own units")
    parser.add_argument("--station", metavar="NAME", help="of a table")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="replaced if it is there")
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
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor two as 43.5:44") from None
    if not span[0] <= span[1]:
        raise argparse.ArgumentTypeError(f"{text!r} runs backwards")
    return span
