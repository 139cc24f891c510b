"""The model card of a universal release."""

import math
from collections.abc import Sequence

import numpy as np

from forecasting.evaluation.report import aligned
from forecasting.models.universal.mixture import MIXTURE
from forecasting.models.universal.report import RealRow, UniversalReport
from research.spec import Spec
from training.publish.card import REFERENCES, reliability_table, score_cells


def universal_card(report: UniversalReport, spec: Spec) -> str:
    """Write the model card of a universal release."""
    seen = f"on {', '.join(report.real_series)}" if report.real_series else "have seen no real series"
    tables = [_held_out_table(report, spec, context) for context in (min(spec.contexts), max(spec.contexts))]
    paragraphs = [
        f"# {report.dataset}",
        f"An RNN, an LSTM and a GRU that forecast any series of SST with a step of one {spec.step}, {spec.horizon} "
        f"steps ahead, from {spec.minimum} to {spec.maximum} values, with or without a position. Version "
        f"{report.version}.",
        f"They were trained on {report.seas} simulated seas and {seen}. How good their forecasts of other "
        "places are depends on how closely these seas resemble those places. The service compares them with simple "
        "references on the past of each series that it gets, and by default mixes the one that did best on held-out "
        "seas with the references, by how well they did there.",
        *_real_sections(report, spec),
        *_weather_section(report, spec),
        "## On simulated seas that were held out",
        "RMSE relative to persistence, with each error scaled by what is usual in its series. *Alone* is the same "
        "cell, fitted without the Bayesian regression that accompanies it.",
        *(paragraph for table in tables for paragraph in table),
        *_held_out_events(report),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _real_sections(report: UniversalReport, spec: Spec) -> list[str]:
    """Return the section on real places of regions that were held out; nothing if there were none."""
    if not report.regions:
        return []
    names, leads = list(report.regions[0].relative_rmse), spec.scored_leads
    titles = [f"lead {lead}" for lead in leads]
    means: list[Sequence[str]] = [("Model", "values", "regions", *titles)]
    regions: list[Sequence[str]] = [("Region", "places", "values", *titles)]
    for context in spec.contexts:
        rows = [row for row in report.regions if row.context == context]
        for name in names if rows else ():
            of_leads = [[row for row in rows if row.lead == lead] for lead in leads]
            counts = {len(of_lead) for of_lead in of_leads}
            means.append((name, str(context), str(max(counts)), *(_mean_score(of_lead, name) for of_lead in of_leads)))
    for region in dict.fromkeys(row.region for row in report.regions):
        for context in spec.contexts:
            by_lead = {row.lead: row for row in report.regions if (row.region, row.context) == (region, context)}
            if by_lead:
                cells = [_mean_score([by_lead[lead]] if lead in by_lead else [], MIXTURE) for lead in leads]
                places = max(row.places for row in by_lead.values())
                regions.append((region, str(places), str(context), *cells))
    return [
        "## At real places, in regions that were held out",
        "RMSE relative to that of the best reference at each place in hindsight (persistence, climatology, damped, "
        "linear or usual change; below 1 is better), and the share of observations inside 80 % intervals, in percent. "
        "Forecasts know the position. Means are over the places of a region, then over regions. No choice was made by "
        "these figures.",
        aligned(means),
        f"The {MIXTURE}, which forecasts by default, by region:",
        aligned(regions),
    ]


def _weather_section(report: UniversalReport, spec: Spec) -> list[str]:
    """Return the section on what weather is worth; nothing if it was not measured."""
    if not report.weather:
        return []
    table: list[Sequence[str]] = [("Region", "places", "values", "weather", *(f"lead {lead}" for lead in spec.knots))]
    for region, context in dict.fromkeys((row.region, row.context) for row in report.weather):
        by_lead = {row.lead: row for row in report.weather if (row.region, row.context) == (region, context)}
        places = str(max(row.places for row in by_lead.values()))
        for name in next(iter(by_lead.values())).relative_rmse:
            cells = [
                f"{row.relative_rmse[name]:.2f} ({100 * row.coverage_80[name]:.0f})"
                if (row := by_lead.get(lead)) is not None
                else "–"
                for lead in spec.knots
            ]
            table.append((region, places, str(context), name, *cells))
    return [
        "## With weather",
        "RMSE of the forecasts by default with weather over that without (below 1 is better), and the share of "
        "observations inside 80 % intervals, in percent, at places in the same regions. Weather is as a good global "
        "model would have forecast it; *observed* is what happened.",
        aligned(table),
    ]


def _mean_score(rows: Sequence[RealRow], name: str) -> str:
    if not rows:
        return "–"
    relative = math.exp(float(np.mean([math.log(row.relative_rmse[name]) for row in rows])))
    return f"{relative:.3f} ({100 * float(np.mean([row.coverage_80[name] for row in rows])):.0f})"


def _held_out_table(report: UniversalReport, spec: Spec, context: int) -> list[str]:
    rows = [
        "| Model | Position | " + " | ".join(f"lead {lead}" for lead in spec.scored_leads) + " |",
        "|---|---|" + "---|" * len(spec.scored_leads),
    ]
    for model in report.models:
        for scores, name in (
            (model.held_out, model.model),
            (model.held_out_without_companion, f"{model.model} alone"),
        ):
            for positioned in (True, False):
                row = [score for score in scores if score.context == context and score.positioned == positioned]
                figures = " | ".join(f"{score.relative_rmse:.3f}" for score in row)
                rows.append(f"| {name} | {'known' if positioned else 'unknown'} | {figures} |")
    return [f"From {context} values:", "\n".join(rows)]


def _held_out_events(report: UniversalReport) -> list[str]:
    """Return the section on probabilities of events; nothing if the report has none."""
    scored = [model for model in report.models if model.events]
    if not scored:
        return []
    event, best = scored[0].events[0], scored[-1]
    titles = [f"skill over {title}" for title in REFERENCES.values()]
    rows = [("Model", "values", "seas", "happened (%)", "Brier score", *titles)]
    rows += [(model.model, str(event.context), *score_cells(event.score)) for model in scored for event in model.events]
    return [
        "## Probabilities of events on simulated seas that were held out",
        f"The event is {event.duration} steps in a row {event.side} the {event.percentile:g}th percentile of the "
        f"context, within {event.within} steps. For the Brier score (± its standard error), lower is better. Skill is "
        "1 − Brier score / that of the reference, in percent, with its 95 % bootstrap interval. The climatological "
        "frequency is the share of the other seas in which the event happened; persistence of state is that share "
        "among seas with as many steps beyond the threshold just before the forecast.",
        aligned(rows),
        f"How often the event happened, by the probability that {best.model} gave it from "
        f"{best.events[-1].context} values, in percent, with the 95 % interval of that share:",
        reliability_table(best.events[-1].score),
    ]
