"""The report of a release and the texts written from it: ``report.json``, ``report.md`` and ``MODEL_CARD.md``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from forecasting.evaluation.report import Coverage, ModelReport, Report, aligned, figure, model_title
from forecasting.series.timestep import in_words
from forecasting.wording import counted
from training.publish.card import (
    coverage_text,
    describe_caveats,
    describe_coverage,
    describe_stations,
    event_sections,
    model_card,
    skill_text,
)

Rows = list[Sequence[str]]


def readable_report(report: Report) -> str:
    """Return every measure on the test part at the leads that are shown, as Markdown."""
    test = report.periods["test"]
    sections = [
        f"# {report.dataset} {report.version}",
        f"Test part: {test.start} to {test.end}, with a forecast from every step. One step is {in_words(report.step)}. "
        "Temperatures and errors are in °C. `report.json` has every lead.",
        *_accuracy(report),
        *describe_caveats(report),
        *_skill(report),
        *_intervals(report),
        *_probabilities(report),
        *event_sections(report),
        *_stations(report),
    ]
    return "\n\n".join(sections) + "\n"


def _accuracy(report: Report) -> list[str]:
    sections = ["## Accuracy"]
    for lead in report.shown_leads:
        rows: Rows = [("Model", "MAE", "RMSE", "MAPE (%)", "bias", "anomaly correlation")]
        rows += [_accuracy_row(model, lead - 1) for model in report.models]
        sections += [f"### {_lead_title(report, lead)}", aligned(rows)]
    return sections


def _accuracy_row(model: ModelReport, index: int) -> Sequence[str]:
    accuracy, correlation = model.accuracy["test"], model.anomaly_correlation
    return (
        model_title(model.name) + (f" ({model.caveat})" if model.caveat else ""),
        figure(accuracy.mae[index]),
        figure(accuracy.rmse[index]),
        figure(accuracy.mape[index], 2),
        figure(accuracy.bias[index]),
        figure(correlation[index] if correlation else None, 3),
    )


def _skill(report: Report) -> list[str]:
    sections = [
        "## Skill",
        "1 − RMSE / RMSE of the reference, in percent. Brackets hold the 95 % interval of a block bootstrap; p is the "
        "p-value of a Diebold–Mariano test that both forecasts are equally accurate.",
    ]
    for model in report.networks:
        rows: Rows = [("steps ahead", *map(str, model.skill))]
        rows += [
            (str(lead), *(skill_text(skill, lead) for skill in model.skill.values())) for lead in report.shown_leads
        ]
        sections += [f"### {model_title(model.name)}", aligned(rows)]
    return sections


def _intervals(report: Report) -> list[str]:
    sections = [
        "## Intervals",
        "Share of observations inside each interval, in percent, ± its standard error, which accounts for "
        "autocorrelation. Bold marks coverage that is off its level by more than 3 points and two standard errors. For "
        "the mean interval score and the continuous ranked probability score (CRPS), both in °C, lower is better.",
    ]
    for model in report.networks:
        levels = list(model.intervals)
        sections += [f"### {model_title(model.name)}", aligned(_interval_rows(report, model, levels))]
        sections += [describe_coverage(model.intervals[level].coverage, level) for level in levels]
        if levels:
            sections += ["By season, one step ahead:", aligned(_season_rows(model, levels))]
    return sections


def _interval_rows(report: Report, model: ModelReport, levels: Sequence[int]) -> Rows:
    titles = [*(f"in {level} %" for level in levels), *(f"score {level} %" for level in levels)]
    rows: Rows = [("steps ahead", *titles, "CRPS")]
    for lead in report.shown_leads:
        shares = [_marked_coverage(model.intervals[level].coverage, lead, level) for level in levels]
        scores = [figure(model.intervals[level].score[lead - 1]) for level in levels]
        rows.append((str(lead), *shares, *scores, figure(model.crps[lead - 1] if model.crps else None)))
    return rows


def _season_rows(model: ModelReport, levels: Sequence[int]) -> Rows:
    rows: Rows = [("season", "n", *(f"in {level} %" for level in levels))]
    for season, coverage in model.intervals[levels[0]].seasons.items():
        shares = (_marked_coverage(model.intervals[level].seasons[season], 1, level) for level in levels)
        rows.append((season, str(coverage.n[0]), *shares))
    return rows


def _marked_coverage(coverage: Coverage, lead: int, level: int) -> str:
    text = coverage_text(coverage, lead)
    return f"**{text}**" if lead in coverage.misses(level) else text


def _probabilities(report: Report) -> list[str]:
    model = report.best
    if not model.exceedance:
        return []
    rows: Rows = [("SST over", "quantile", *(_lead_title(report, lead) for lead in report.shown_leads))]
    for exceedance in model.exceedance:
        scores = (
            f"{exceedance.brier[lead - 1]:.4f} ({exceedance.climatology[lead - 1]:.4f})" for lead in report.shown_leads
        )
        rows.append((f"{exceedance.threshold:.2f} °C", f"{exceedance.quantile:g}", *scores))
    introduction = (
        "Brier score of the best network's probability that SST exceeds a threshold; lower is better. In brackets, the "
        "score of a climatology: how often SST exceeded the threshold before, in the same calendar month."
    )
    return ["## Probabilities", introduction, aligned(rows)]


def _stations(report: Report) -> list[str]:
    """Return the RMSE of every model at every station, and sentences on them; nothing where there is one series."""
    if not report.stations:
        return []
    names = [model.name for model in report.models]
    rows: Rows = [("Station", "trained on", *(f"RMSE {name}" for name in names))]
    for station in report.stations:
        rmse = (figure(station.accuracy[name].rmse[0]) if name in station.accuracy else "–" for name in names)
        rows.append((station.name, "yes" if station.trained_on else "no", *rmse))
    if report.left_out:
        rmse = (figure(report.left_out[name].rmse[0]) if name in report.left_out else "–" for name in names)
        rows.append(("all left out", "no", *rmse))
    introduction = (
        "One step ahead. The references are fitted to each station's own past, including the stations left out of "
        "training."
    )
    return ["## Stations", introduction, aligned(rows), *describe_stations(report)]


def _lead_title(report: Report, lead: int) -> str:
    return f"{counted(lead, 'step')} ahead ({report.step})"


REPORT: Final = "report.json"
CARD: Final = "MODEL_CARD.md"


def write_report(folder: Path, report: Report) -> None:
    """Write ``report`` into ``folder``, with the texts for people to read."""
    (folder / REPORT).write_text(report.model_dump_json(indent=1, exclude_none=True) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(readable_report(report), encoding="utf-8")
    (folder / CARD).write_text(model_card(report), encoding="utf-8")
