"""Texts on the probabilities of events, for the report and the model card of a release."""

from collections.abc import Sequence
from typing import Final

from forecasting.evaluation.event_cases import CLIMATOLOGY, INDEPENDENT, PERSISTENCE
from forecasting.evaluation.event_report import EventReport
from forecasting.evaluation.report import Report
from forecasting.evaluation.table import aligned, model_title
from forecasting.scores.events import BrierSkill, EventScore, ReliabilityBin

REFERENCES: Final = {
    CLIMATOLOGY: "climatological frequency",
    PERSISTENCE: "persistence of state",
    INDEPENDENT: "independent leads",
}
"""Titles of the references that event scores are relative to, by name."""

_ASSUMED: Final = "The dependence between leads was assumed to be that of a random walk."

_DEFINITIONS: Final = (
    "Percentiles are those of the time of year, from the data before the test part. The references use only what is "
    "known when the forecast is made: the climatological frequency is how often the event happened within 15 days of "
    "the same date in earlier years, and persistence of state is how often it happened after the same number of steps "
    "beyond the threshold."
)


def event_sections(report: Report) -> list[str]:
    """Return the scores of each network and a reliability table, as Markdown; nothing if there are no events."""
    if not report.best.events:
        return []
    sections = [
        "## Events",
        f"{_DEFINITIONS} A run of steps may have begun before the forecast; independent leads show what the dependence "
        "between leads adds. For the Brier score (± its standard error), lower is better. Skill is 1 − Brier score / "
        "that of the reference, in percent, with the 95 % interval of a block bootstrap; it has a dash where the event "
        "always or never happened, or too few years precede the test part.",
    ]
    titles = [f"skill over {name}" for name in REFERENCES.values()]
    for model in report.networks:
        rows: list[Sequence[str]] = [("Event", "n", "happened (%)", "Brier score", *titles)]
        rows += [_row(event) for event in model.events]
        sections += [f"### {model_title(model.name)}", aligned(rows)]
    chosen = report.best.events[-1]
    if chosen.assumed:
        sections.append(_ASSUMED)
    return [
        *sections,
        f'How often the event "{chosen.description}" happened, by the probability that {model_title(report.best.name)} '
        "gave it, in percent, with the 95 % interval of that share:",
        reliability_table(chosen.score),
    ]


def reliability_table(score: EventScore) -> str:
    """Return the bins of probability as a Markdown table, in percent."""
    rows: list[Sequence[str]] = [("probability", "n", "mean probability", "happened", "95 % interval")]
    rows += [_bin_row(row) for row in score.reliability]
    return aligned(rows)


def event_lines(report: Report) -> list[str]:
    """Return the section of the model card on events, as Markdown paragraphs; nothing if there are no events."""
    best = report.best
    if not best.events:
        return []
    shown = best.events if len(best.events) == 1 else (best.events[0], best.events[-1])
    return [
        "## Events",
        f"Probabilities of {model_title(best.name)} on the test part. {_DEFINITIONS} Skill is 1 − Brier score / that "
        "of the reference, in percent, with the 95 % interval of a block bootstrap:",
        "\n".join(_line(event) for event in shown),
        *([_ASSUMED] if shown[-1].assumed else []),
        "`report.md` has more events, and how often they happened, by forecast probability.",
    ]


def _line(event: EventReport) -> str:
    score = event.score
    skills = "; ".join(
        f"{skill_text(skill)} over {REFERENCES[name]}" for name, skill in score.skill.items() if skill.value is not None
    )
    return (
        f"- {event.description}: happened in {100 * score.frequency:.1f} % of {score.n} cases; Brier score "
        f"{score.brier:.4f} ± {score.brier_error:.4f}{'; skill ' if skills else ''}{skills}"
    )


def _row(event: EventReport) -> Sequence[str]:
    score = event.score
    skills = (skill_text(score.skill.get(name)) for name in REFERENCES)
    brier = f"{score.brier:.4f} ± {score.brier_error:.4f}"
    return (event.description, str(score.n), f"{100 * score.frequency:.1f}", brier, *skills)


def skill_text(skill: BrierSkill | None) -> str:
    """Return the skill in percent with its interval; a dash where there is none."""
    if skill is None or skill.value is None:
        return "–"
    bounds = (
        "" if skill.lower is None or skill.upper is None else f" [{100 * skill.lower:.0f}, {100 * skill.upper:.0f}]"
    )
    return f"{100 * skill.value:.0f}{bounds}"


def _bin_row(row: ReliabilityBin) -> Sequence[str]:
    return (
        f"{100 * row.minimum:.0f} to {100 * row.maximum:.0f}",
        str(row.n),
        f"{100 * row.probability:.0f}",
        f"{100 * row.frequency:.0f}",
        f"{100 * row.lower:.0f} to {100 * row.upper:.0f}",
    )
