"""The report of a release as a person reads it: ``report.md``."""

import math
from collections.abc import Sequence

from forecasting.evaluation.model_report import Coverage, ModelReport, Skill
from forecasting.evaluation.report import Report
from forecasting.evaluation.table import TITLES, aligned, figure
from forecasting.series.timestep import in_words
from forecasting.wording import counted
from training.publish.by_station import stations_report

Rows = list[Sequence[str]]


def readable_report(report: Report) -> str:
    """Every measure at the leads that are shown, as Markdown."""
    test = report.periods["test"]
    parts = [
        f"# {report.dataset} {report.version}",
        f"Test part {test.start} to {test.end}, forecast from every step before it; one step is "
        f"{in_words(report.step)}. Temperatures and errors are in °C. All leads are in `report.json`.",
        *_accuracy(report),
        *_skill(report),
        *_intervals(report),
        *_probabilities(report),
        *stations_report(report),
    ]
    return "\n\n".join(parts) + "\n"


def _accuracy(report: Report) -> list[str]:
    parts = ["## Accuracy"]
    for lead in report.shown_leads:
        rows: Rows = [("Model", "MAE", "RMSE", "MAPE (%)", "bias", "anomaly correlation")]
        rows += [_errors(model, lead - 1) for model in report.models]
        parts += [f"### {_ahead(report, lead)}", aligned(rows)]
    return parts


def _errors(model: ModelReport, lead: int) -> Sequence[str]:
    accuracy, correlation = model.accuracy["test"], model.anomaly_correlation
    return (
        TITLES[model.name],
        figure(accuracy.mae[lead]),
        figure(accuracy.rmse[lead]),
        figure(accuracy.mape[lead], 2),
        figure(accuracy.bias[lead]),
        figure(correlation[lead] if correlation else None, 3),
    )


def _skill(report: Report) -> list[str]:
    parts = [
        "## Skill",
        "1 − RMSE / RMSE of the reference, in percent; in brackets what 95 % of block-bootstrap resamples say, then "
        "Diebold and Mariano's p-value that both are equally good.",
    ]
    for model in report.networks:
        rows: Rows = [("steps ahead", *map(str, model.skill))]
        rows += [
            (str(lead), *(skill_in_words(skill, lead) for skill in model.skill.values())) for lead in report.shown_leads
        ]
        parts += [f"### {TITLES[model.name]}", aligned(rows)]
    return parts


def skill_in_words(skill: Skill, lead: int) -> str:
    """``3.5 [1.2, 5.6] p 0.003``, in percent."""
    value, lower, upper, p = (one[lead - 1] for one in (skill.value, skill.lower, skill.upper, skill.p_value))
    bounds = "" if lower is None or upper is None else f" [{100 * lower:.1f}, {100 * upper:.1f}]"
    significance = "< 0.001" if p is not None and p < 0.001 else figure(p, 3)
    return "–" if value is None else f"{100 * value:.1f}{bounds} p {significance}"


def _intervals(report: Report) -> list[str]:
    parts = [
        "## Intervals",
        "Share of observations inside, in percent, ± its standard error with autocorrelation counted; in bold where it "
        "is off its level by more than 3 points and more than two standard errors. Mean interval score and continuous "
        "ranked probability score (CRPS), the lower the better.",
    ]
    for model in report.networks:
        levels = list(model.intervals)
        rows: Rows = [
            ("steps ahead", *(f"in {level} %" for level in levels), *(f"score {level} %" for level in levels), "CRPS")
        ]
        for lead in report.shown_leads:
            covered = [_marked(model.intervals[level].coverage, lead, level) for level in levels]
            scores = [figure(model.intervals[level].score[lead - 1]) for level in levels]
            rows.append((str(lead), *covered, *scores, figure(model.crps[lead - 1] if model.crps else None)))
        parts += [f"### {TITLES[model.name]}", aligned(rows)]
        parts += [misses_in_words(model.intervals[level].coverage, level) for level in levels]
        if levels:
            parts += ["By season, one step ahead:", aligned(_by_season(model, levels))]
    return parts


def coverage_in_words(coverage: Coverage, lead: int) -> str:
    """``79.6 ± 3.1``, in percent."""
    return f"{100 * coverage.share[lead - 1]:.1f} ± {100 * coverage.error[lead - 1]:.1f}"


def _marked(coverage: Coverage, lead: int, level: int) -> str:
    said = coverage_in_words(coverage, lead)
    return f"**{said}**" if lead in coverage.misses(level) else said


def misses_in_words(coverage: Coverage, level: int) -> str:
    """At which leads coverage is not as stated, and how far off it is there, a sentence."""
    leads = coverage.misses(level)
    if not leads:
        return f"{level} %: within 3 points or two standard errors at every lead."
    off = [100 * coverage.share[lead - 1] - level for lead in leads]
    least, most = f"{min(off):+.1f}", f"{max(off):+.1f}"
    span = least if least == most else f"{least} to {most}"
    return (
        f"{level} %: not within 3 points or two standard errors at {len(leads)} of {len(coverage.share)} leads "
        f"({_listed(leads)}), where it is {span} points off."
    )


def rank_in_words(report: Report) -> str:
    """At which leads the network that the validation part picked is behind a reference on the test part, a sentence."""
    best, references = report.best, report.baselines
    picked = f"{TITLES[best.name]}, which the validation part picked, is behind"
    behind = {}
    for lead, rmse in enumerate(best.accuracy["test"].rmse, start=1):
        reference = min(references, key=lambda one: one.accuracy["test"].rmse[lead - 1])
        least = reference.accuracy["test"].rmse[lead - 1]
        if rmse > least:
            behind[lead] = rmse / least if least else math.inf, reference.name
    if not behind:
        return f"{picked} no reference at any lead."
    most = max(behind, key=lambda lead: behind[lead][0])
    ratio, name = behind[most]
    by = f" ({100 * (ratio - 1):.1f} % at lead {most})" if ratio < math.inf else ""
    return (
        f"{picked} a reference at {len(behind)} of {report.horizon} leads ({_listed(list(behind))}), the furthest "
        f"behind {TITLES[name]}{by}."
    )


def _listed(leads: Sequence[int]) -> str:
    """``1, 3 to 5``."""
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in _runs(leads))


def _runs(leads: Sequence[int]) -> list[list[int]]:
    """Leads that follow each other, together."""
    runs: list[list[int]] = []
    for lead in leads:
        if runs and lead == runs[-1][-1] + 1:
            runs[-1].append(lead)
        else:
            runs.append([lead])
    return runs


def _by_season(model: ModelReport, levels: list[int]) -> Rows:
    rows: Rows = [("season", "n", *(f"in {level} %" for level in levels))]
    for season, coverage in model.intervals[levels[0]].seasons.items():
        covered = (_marked(model.intervals[level].seasons[season], 1, level) for level in levels)
        rows.append((season, str(coverage.n[0]), *covered))
    return rows


def _probabilities(report: Report) -> list[str]:
    model = report.best
    if not model.exceedance:
        return []
    rows: Rows = [("SST over", "quantile", *(_ahead(report, lead) for lead in report.shown_leads))]
    for one in model.exceedance:
        scores = (f"{one.brier[lead - 1]:.4f} ({one.climatology[lead - 1]:.4f})" for lead in report.shown_leads)
        rows.append((f"{one.threshold:.2f} °C", f"{one.quantile:g}", *scores))
    said = "Brier score of the probability that a threshold is exceeded, by the best network; in brackets that of how"
    return ["## Probabilities", f"{said} often it was exceeded before, in the calendar month.", aligned(rows)]


def _ahead(report: Report, lead: int) -> str:
    return f"{counted(lead, 'step')} ahead ({report.step})"
