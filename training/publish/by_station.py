"""What the report of a panel says of its stations, one by one."""

import math
from collections.abc import Sequence

from forecasting.evaluation.model_report import Coverage
from forecasting.evaluation.report import Report, StationReport
from forecasting.evaluation.table import TITLES, aligned, figure
from forecasting.references.baselines import BASELINES


def stations_report(report: Report) -> list[str]:
    """The table of stations, and :func:`stations_in_words`; nothing where one series was trained on."""
    if not report.stations:
        return []
    names = [model.name for model in report.models]
    rows: list[Sequence[str]] = [("Station", "trained on", *(f"RMSE {name}" for name in names))]
    for station in report.stations:
        rmse = (figure(station.accuracy[name].rmse[0]) if name in station.accuracy else "–" for name in names)
        rows.append((station.name, "yes" if station.trained_on else "no", *rmse))
    if report.left_out:
        rmse = (figure(report.left_out[name].rmse[0]) if name in report.left_out else "–" for name in names)
        rows.append(("all left out", "no", *rmse))
    said = "One step ahead. The references are fitted to each station's own past, also of those that were left out."
    return ["## Stations", said, aligned(rows), *stations_in_words(report)]


def stations_in_words(report: Report) -> list[str]:
    """At how many stations the best network is behind their own references, or its intervals miss; sentences."""
    sentences = []
    for kind, trained_on in (("trained on", True), ("left out", False)):
        stations = [one for one in report.stations if one.trained_on == trained_on]
        if stations:
            among = f"of {len(stations)} stations {kind}"
            sentences += [_behind(report, stations, lead, among) for lead in sorted({1, report.horizon})]
            sentences += [_missed(stations, level, among) for level in (80, 95) if level in stations[0].coverage]
    return sentences


def _behind(report: Report, stations: Sequence[StationReport], lead: int, among: str) -> str:
    ratios = {one.name: _ratio(one, report.best.name, lead) for one in stations}
    behind = [name for name, ratio in ratios.items() if ratio > 1]
    said = f"At lead {lead} {TITLES[report.best.name]} is behind the best reference of its own at"
    if not behind:
        return f"{said} none {among}."
    worst = max(behind, key=lambda name: ratios[name])
    return f"{said} {len(behind)} {among}, the furthest at {worst} ({100 * (ratios[worst] - 1):.1f} %)."


def _ratio(station: StationReport, model: str, lead: int) -> float:
    """RMSE of ``model`` over that of the best reference."""
    rmse = {name: accuracy.rmse[lead - 1] for name, accuracy in station.accuracy.items()}
    least = min(value for name, value in rmse.items() if name in BASELINES)
    return rmse[model] / least if least else math.inf


def _missed(stations: Sequence[StationReport], level: int, among: str) -> str:
    missed = {one.name: one.coverage[level] for one in stations if one.coverage[level].misses(level)}
    said = f"The {level} % interval is not within 3 points or two standard errors at every lead at"
    if not missed:
        return f"{said} none {among}."
    off = {
        (name, lead): abs(coverage.share[lead - 1] - level / 100)
        for name, coverage in missed.items()
        for lead in coverage.misses(level)
    }
    worst, lead = max(off, key=lambda place: off[place])
    return f"{said} {len(missed)} {among}, the furthest at {worst} ({_share(missed[worst], lead)} at lead {lead})."


def _share(coverage: Coverage, lead: int) -> str:
    return f"{100 * coverage.share[lead - 1]:.0f} %"
