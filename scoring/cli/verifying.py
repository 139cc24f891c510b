"""``sst verify``: from its options to its exit status."""

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.errors import FileError, SeriesError
from forecasting.readers.options import ReadingOptions
from forecasting.readers.text import sniff_binary
from forecasting.series.times import parse_time
from forecasting.wording import counted, listed
from scoring.archive.archive import Archive
from scoring.archive.issued import IssuedForecasts
from scoring.archive.observed import Observations
from scoring.archive.verification import Verification, verify
from scoring.cli.arguments import DONE, READING_TABLES, VERIFY
from scoring.cli.outcome import status_of
from scoring.cli.scores import written
from scoring.errors import NothingToForecastError, ScoringError
from scoring.source import find_source, is_parquet, named

_DAY: Final = "YYYY-MM-DD"


def main(options: argparse.Namespace) -> int:
    """Verify an archive and return the exit status: 0 done, 2 refused, 3 if nothing could be verified."""
    return status_of(VERIFY, lambda: _print(options))


def _print(options: argparse.Namespace) -> int:
    print(written(_verify(options), options.format), end="")
    return DONE


def _verify(options: argparse.Namespace) -> Verification:
    begin, end = _time(options.begin, "--from"), _time(options.end, "--to", last=True)
    forecasts = IssuedForecasts(Archive(options.archive), begin, end)
    leads = _leads(forecasts, options)
    source = find_source(options.observations, grid=False)
    for file in source.files:
        _refuse_grid(file)
    reading = ReadingOptions.from_values({name: getattr(options, name) for name in READING_TABLES})
    with named(source.path):
        observations = Observations.read(source.files, reading, forecasts.steps())
    for note in observations.notes:
        VERIFY.say(note)
    for name in forecasts.heat_stress_without_levels():
        VERIFY.say(
            f"{name}: degree heating weeks are verified by the probabilities of their alert levels, which an earlier "
            "version did not store; new runs store them"
        )
    verification = verify(forecasts, observations, leads, by_month=options.by == "month")
    _tell(verification)
    if not verification.verified:
        raise NothingToForecastError(f"nothing could be verified: {_why(verification, observations)}")
    return verification


def _time(text: str | None, option: str, *, last: bool = False) -> np.datetime64 | None:
    """Return the time of an option; of a day, its first second or its ``last``.

    Raises:
        ScoringError: if it is no time.
    """
    if text is None:
        return None
    try:
        time = parse_time(text)
    except SeriesError as error:
        raise ScoringError(f"{option} {text[:40]}: {error}") from None
    is_day = len(text) == len(_DAY)
    return time + np.timedelta64(86_399, "s") if last and is_day else time


def _leads(forecasts: IssuedForecasts, options: argparse.Namespace) -> list[int]:
    known = forecasts.leads()
    if not known:
        raise NothingToForecastError(
            f"nothing could be verified: {options.archive} has no forecasts from this period; their last observations "
            f"are from {forecasts.period()}"
        )
    wanted = known if options.leads is None else [lead for lead in options.leads if lead in known]
    if not wanted:
        raise ScoringError(f"--lead: {options.archive} has leads {known[0]} to {known[-1]}")
    return wanted


def _refuse_grid(file: Path) -> None:
    with named(file):
        if not (file.is_file() and is_parquet(file)) and sniff_binary(file) is not None:
            raise FileError("is a grid; name tables with the observations of stations")


def _tell(verification: Verification) -> None:
    waiting = verification.issued - verification.verified
    parts = [
        f"{verification.verified:,} of {verification.issued:,} forecasts verified, from "
        f"{counted(verification.stations, 'station')}"
    ]
    if waiting:
        parts.append(f"{waiting:,} without an observation at their valid time")
    if verification.replayed:
        parts.append(
            f"{verification.replayed:,} of the verified forecasts were issued more than two steps after their last "
            "observation"
        )
    if verification.absent:
        parts.append(f"{counted(len(verification.absent), 'station')} not among the observations")
    parts += [f"{counted(count, 'station')}: {why}" for why, count in verification.missing.items()]
    VERIFY.say("; ".join(parts))


def _why(verification: Verification, observations: Observations) -> str:
    if verification.missing:
        return max(verification.missing, key=verification.missing.__getitem__)
    if verification.absent:
        return (
            f"the forecasts are for {listed(verification.absent, 5)}, but the observations are for "
            f"{listed(sorted(observations.stations()), 5)}; the names must be the same, and a table without a column "
            "of stations is one station with the name of its file"
        )
    return "the observations have no value at the valid time of any forecast"
