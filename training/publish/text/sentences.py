"""Sentences about a release's figures, shared by its report, its model card and the command line."""

import math
from collections.abc import Sequence

import numpy as np

from forecasting.evaluation.model_report import Coverage, Skill
from forecasting.evaluation.report import Report, StartReport, StationReport
from forecasting.evaluation.table import figure, model_title
from forecasting.references.baselines import BASELINES
from forecasting.wording import counted, listed

_STATED_LEVELS = (80, 95)
"""Levels of the intervals, in percent, whose coverage is described station by station."""


def skill_text(skill: Skill, lead: int) -> str:
    """Skill at ``lead`` with its interval and p-value, in percent: ``3.5 [1.2, 5.6] p 0.003``."""
    value, lower, upper, p = (figures[lead - 1] for figures in (skill.value, skill.lower, skill.upper, skill.p_value))
    bounds = "" if lower is None or upper is None else f" [{100 * lower:.1f}, {100 * upper:.1f}]"
    significance = "< 0.001" if p is not None and p < 0.001 else figure(p, 3)
    return "–" if value is None else f"{100 * value:.1f}{bounds} p {significance}"


def coverage_text(coverage: Coverage, lead: int) -> str:
    """Coverage at ``lead`` with its standard error, in percent: ``79.6 ± 3.1``."""
    return f"{100 * coverage.share[lead - 1]:.1f} ± {100 * coverage.error[lead - 1]:.1f}"


def describe_coverage(coverage: Coverage, level: int) -> str:
    """Describe in a sentence at which leads the coverage of an interval differs from its level, and by how much."""
    leads = coverage.misses(level)
    if not leads:
        return f"{level} %: within 3 points or two standard errors at every lead."
    differences = [100 * coverage.share[lead - 1] - level for lead in leads]
    lowest, highest = f"{min(differences):+.1f}", f"{max(differences):+.1f}"
    span = lowest if lowest == highest else f"{lowest} to {highest}"
    return (
        f"{level} %: off by more than 3 points and two standard errors at {len(leads)} of {len(coverage.share)} leads "
        f"({_lead_ranges(leads)}), by {span} points."
    )


def describe_rank(report: Report) -> str:
    """Describe in a sentence at which leads the best network is behind a reference on the test part."""
    best, references = report.best, report.baselines
    choice = ", chosen on the validation part," if len(report.networks) > 1 else ""
    subject = f"{model_title(best.name)}{choice} is"
    behind = {}
    for lead, rmse in enumerate(best.accuracy["test"].rmse, start=1):
        reference = min(references, key=lambda model: model.accuracy["test"].rmse[lead - 1])
        lowest = reference.accuracy["test"].rmse[lead - 1]
        if rmse > lowest:
            behind[lead] = rmse / lowest if lowest else math.inf, reference.name
    if not behind:
        return f"{subject} not behind any reference at any lead."
    worst = max(behind, key=lambda lead: behind[lead][0])
    ratio, name = behind[worst]
    percent = f" ({100 * (ratio - 1):.1f} % at lead {worst})" if ratio < math.inf else ""
    return (
        f"{subject} behind a reference at {len(behind)} of {report.horizon} leads ({_lead_ranges(list(behind))}); the "
        f"largest gap is to {model_title(name)}{percent}."
    )


def describe_starts(report: Report) -> list[str]:
    """Describe for each network whether it starts from a universal one, and by which errors that was chosen."""
    starts = report.starts
    if not starts:
        return []
    source = next(iter(starts.values())).release
    if not any(start.rmse for start in starts.values()):
        names, values = listed(model_title(cell) for cell in starts), counted(report.periods["test"].n, "value")
        return [
            f"The series is too short to fit networks to: {names} are those of {source}, and know the series of the "
            f"place. The test part has only {values}, so its figures say little."
        ]
    forecasts = counted(next(iter(starts.values())).n, "forecast")
    chosen_by = (
        f"Networks may be those of {source}, fitted to the place, or the mean of both. They were chosen by the "
        f"geometric mean of the RMSE over the leads of {forecasts} before the test part; a universal network has to "
        "gain 1 %."
    )
    return [chosen_by, *(_describe_start(cell, start) for cell, start in starts.items())]


def _describe_start(cell: str, start: StartReport) -> str:
    labels = {"place": "fitted to the place", "half": "the mean of both", "universal": "universal"}
    chosen = {0.0: "place", 0.5: "half", 1.0: "universal"}[start.share]
    means = {key: float(np.exp(np.log(start.rmse[key]).mean())) for key in labels}
    others = listed(f"{label} {means[key]:.4f} °C" for key, label in labels.items() if key != chosen)
    return f"{model_title(cell)} is {labels[chosen]} ({means[chosen]:.4f} °C; {others})."


def describe_stations(report: Report) -> list[str]:
    """Describe at how many stations the best network is behind a reference or its intervals miss their level.

    Returns:
        Sentences; none where the release was trained on one series.
    """
    sentences = []
    for group, trained_on in (("used for training", True), ("left out of training", False)):
        stations = [station for station in report.stations if station.trained_on == trained_on]
        if stations:
            among = f"the {counted(len(stations), 'station')} {group}"
            sentences += [_describe_gap(report, stations, lead, among) for lead in sorted({1, report.horizon})]
            levels = [level for level in _STATED_LEVELS if level in stations[0].coverage]
            sentences += [_describe_misses(stations, level, among) for level in levels]
    return sentences


def _describe_gap(report: Report, stations: Sequence[StationReport], lead: int, among: str) -> str:
    ratios = {station.name: _rmse_ratio(station, report.best.name, lead) for station in stations}
    behind = [name for name, ratio in ratios.items() if ratio > 1]
    subject = f"At lead {lead}, {model_title(report.best.name)} is behind the best reference of the station at"
    if not behind:
        return f"{subject} none of {among}."
    worst = max(behind, key=lambda name: ratios[name])
    return f"{subject} {len(behind)} of {among}; the largest gap is at {worst} ({100 * (ratios[worst] - 1):.1f} %)."


def _rmse_ratio(station: StationReport, model: str, lead: int) -> float:
    """RMSE of ``model`` at ``lead`` over that of the best reference."""
    rmse = {name: accuracy.rmse[lead - 1] for name, accuracy in station.accuracy.items()}
    lowest = min(value for name, value in rmse.items() if name in BASELINES)
    return rmse[model] / lowest if lowest else math.inf


def _describe_misses(stations: Sequence[StationReport], level: int, among: str) -> str:
    missed = {station.name: station.coverage[level] for station in stations if station.coverage[level].misses(level)}
    subject = f"Coverage of the {level} % interval is off by more than 3 points and two standard errors at some lead at"
    if not missed:
        return f"{subject} none of {among}."
    differences = {
        (name, lead): abs(coverage.share[lead - 1] - level / 100)
        for name, coverage in missed.items()
        for lead in coverage.misses(level)
    }
    worst, lead = max(differences, key=lambda place: differences[place])
    share = f"{100 * missed[worst].share[lead - 1]:.0f} %"
    return f"{subject} {len(missed)} of {among}; the largest miss is at {worst} ({share} at lead {lead})."


def _lead_ranges(leads: Sequence[int]) -> str:
    """Leads with consecutive ones joined: ``1, 3 to 5``."""
    ranges: list[list[int]] = []
    for lead in leads:
        if ranges and lead == ranges[-1][-1] + 1:
            ranges[-1].append(lead)
        else:
            ranges.append([lead])
    return ", ".join(f"{leads[0]} to {leads[-1]}" if len(leads) > 1 else str(leads[0]) for leads in ranges)
