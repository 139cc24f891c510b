"""A grid from an ERDDAP server: a box of a dataset, for its last days."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from forecasting.downloads import Downloader, FetchError, write_whole
from forecasting.erddap import DatasetInfo, SeriesQuery, Span, grid_url, info_url, parse_info, server_address

_LIMIT: Final = 4 << 30
"""Bytes of a response."""
_USUAL: Final = ("sst", "analysed_sst", "sea_surface_temperature", "CRW_SST", "thetao")


def is_address(text: str) -> bool:
    """Return whether an input is the address of a server, not a path."""
    return text.startswith(("http://", "https://"))


def download(
    address: str,
    box: tuple[Span | None, Span | None],
    days: int,
    variable: str | None,
    folder: Path,
    tell: Callable[[str], object],
) -> Path:
    """Download the last ``days`` of a box of a dataset; returns the path of the NetCDF file in ``folder``.

    Args:
        address: of any page of the dataset on the server, such as ``https://HOST/erddap/griddap/ID.html``.
        box: latitudes and longitudes, from the lowest to the highest; None for all.
        days: number of times.
        variable: name of the temperatures; None to find them by the usual names.
        folder: for the file.
        tell: called with a sentence before each wait.

    Raises:
        FetchError: quoting the server if it sent a message.
        SourceError: if the dataset is not such a grid.
    """  # fmt: skip
    match = re.search(r"/griddap/([^./?#]+)", address)
    if match is None:
        raise FetchError(f"{address} is not a dataset of griddap; write https://HOST/erddap/griddap/DATASET")
    name, server = match[1], server_address(address)
    with Downloader.open(tell=tell) as downloader:
        info = parse_info(server, name, downloader.get(info_url(server, name)).decode("utf-8", "replace"))
        query = SeriesQuery((variable or _variable(info),), lat=box[0], lon=box[1])
        url = grid_url(info, query, days)
        tell(f"reading {query.variables[0]} of {name} from {server}")
        inner = folder / hashlib.sha256(url.encode()).hexdigest()[:16]  # two commands may want other boxes at once
        inner.mkdir(parents=True, exist_ok=True)
        target = inner / f"{name}.nc"
        with write_whole(target) as file:
            replace(downloader, limit=_LIMIT, is_text=False).download(url, file)
    return target


def _variable(info: DatasetInfo) -> str:
    temperature = [
        name for name in info.variables
        if info.attributes.get(name, {}).get("standard_name", "").startswith("sea_surface")
        and "temperature" in info.attributes[name]["standard_name"]
        and "anomaly" not in info.attributes[name]["standard_name"]
    ]  # fmt: skip
    found = next((name for name in (*_USUAL, *temperature) if name in info.variables), None)
    if found is None:
        raise FetchError(
            f"{info.name} has no variable of sea surface temperature, only {', '.join(info.variables)[:400]}; choose "
            "one with --variable"
        )
    return found
