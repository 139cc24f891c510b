"""The summaries that training prints: of the dataset at the start, of the release and its signature at the end."""

import os
from pathlib import Path

from forecasting.evaluation.model_report import ModelReport
from forecasting.evaluation.table import accuracy_table
from forecasting.releases.release import versions
from forecasting.releases.signatures import SIGNATURES
from forecasting.releases.trusted_keys import VARIABLE
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import short
from forecasting.series.timestep import in_words, one_each
from training.cli.programs import RELEASE
from training.examples.dataset import Dataset
from training.examples.panel import Panel
from training.fit.universal_start import UniversalStart
from training.publish.text.imported_text import describe_caveats
from training.publish.text.sentences import describe_coverage, describe_rank, describe_starts, describe_stations
from training.run import Published


def series_summary(path: Path, series: SstSeries) -> str:
    """Describe one series that was read from ``path``: a line, and an indented line for each note."""
    span = f"from {short(series.times[0])} to {short(series.times[-1])}"
    head = f"{path}: {len(series)} values, {one_each(str(series.step))}, {span}"
    return "\n".join([head, *(f"  {note}" for note in series.describe())])


def dataset_summary(path: Path, dataset: Dataset, start: UniversalStart | None = None, *, alone: bool = False) -> str:
    """Describe the data that were read from ``path``: a line, and an indented line for each note.

    Notes say which universal networks can be started from, and whether they are ``alone``.
    """
    if isinstance(dataset, Panel):
        notes = [f"  {note}" for note in dataset.notes]
        head = "\n".join([f"{path}: several stations, {one_each(str(dataset.series.step))}", *notes])
    else:
        head = series_summary(path, dataset.series)
    return "\n".join([head, *(f"  {note}" for note in _start_notes(start, alone))])


def _start_notes(start: UniversalStart | None, alone: bool) -> list[str]:
    if start is None:
        return []
    if alone:
        return [f"too short to fit networks to: {start.dataset} is used as is, with this series", start.note]
    return [f"may start from {start.dataset}", start.note]


def release_summary(published: Published) -> str:
    """Describe a new release: its accuracy one step ahead, its weak points, and whether it serves."""
    report = published.report
    test = report.periods["test"]
    lines = [
        f"\nTest part {test.start} to {test.end}, {in_words(report.step)} ahead, °C:\n",
        accuracy_table(report),
        "",
        describe_rank(report),
        *describe_caveats(report),
        *_interval_lines(report.best),
        *describe_stations(report),
        *describe_starts(report),
        "",
    ]
    for cell, spread in report.seeds.items():
        lines.append(f"{cell}: test RMSE {spread.mean:.4f} ± {spread.std:.4f} over {len(spread.seeds)} seeds")
    lines += [f"removed {version}" for version in published.removed]
    if published.comparison:
        lines.append(f"Comparison: {published.comparison}.")
    state = "is now serving" if published.serves else "was published but is not serving"
    return "\n".join([*lines, f"{published.path} {state}"])


def print_unsigned(path: Path) -> None:
    """Print how to sign the release in ``path``, if keys to trust are named or another release of it is signed."""
    dataset = path.parent
    signed = any((dataset / version / SIGNATURES).exists() for version in versions(dataset) if version != path.name)
    if (signed or os.environ.get(VARIABLE)) and not (path / SIGNATURES).exists():
        command = RELEASE.subcommand("sign").name
        print(
            f"{path} is not signed: services that trust only some keys do not load it. Sign it with {command} {path} "
            "--key FILE"
        )


def _interval_lines(best: ModelReport) -> list[str]:
    lines = [
        f"  {describe_coverage(best.intervals[level].coverage, level)}" for level in (80, 95) if level in best.intervals
    ]
    return ["Coverage of its intervals on the test part:", *lines] if lines else []
