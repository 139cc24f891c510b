"""The model card of a universal release.

``python -m training.pretraining.card artifacts/NAME/VERSION …`` rewrites the cards of published releases after their
wording has changed. Do not run it while a service loads the release.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from forecasting.evaluation.table import aligned
from forecasting.releases.release import Release
from forecasting.universal.report import HeldOutEvent, UniversalReport, parse_universal_report
from training.pretraining.spec import SPECS, Spec
from training.publish.release import reseal
from training.publish.text.event_text import REFERENCES, reliability_table, skill_text

CARD: Final = "MODEL_CARD.md"
REPORT: Final = "report.json"

_EVIDENCE: Final = {
    "hour": "Evidence from real seas is thin: two stations with strong tides, NDBC TPLM2 in Chesapeake Bay (2020–2022) "
    "and NERACOOS B01 in the Gulf of Maine (2016–2017). From two weeks of data on, errors were lower than those of "
    "persistence, damped persistence and an autoregression fitted to the same data. From three days of data they were "
    "8 to 12 % higher than those of persistence at B01, 1 and 6 hours ahead. A series that short has too few past "
    "forecasts for `best` to notice.",
    "day": "The recipe was compared with real series of 47 places: a Mediterranean pixel of OISST (1982–2022), Scripps "
    "Pier (1916–2015) and 45 tropical moorings (TAO, 1980–1998).",
    "week": "Evidence from real seas is thin: weekly means of a Mediterranean pixel of OISST (1982–2022) and of "
    "tropical moorings (TAO, 1980–1998), and the four Niño regions (1990–2016). From ten years of data on, damped "
    "persistence about the season of the series itself was as good or better; `best` chooses it where it is.",
    "month": "Evidence from real seas is thin: the Niño regions (1950–2010), and monthly means of a Mediterranean "
    "pixel of OISST (1982–2022) and of tropical moorings (TAO, 1980–1998). From twenty years of data on, and in Niño "
    "4, damped persistence about the season of the series itself was as good or better; `best` chooses it where it is.",
}
"""What the recipe of each step was compared with."""

_NOT_BLIND: Final = (
    "The simulation was adjusted to statistics of these series, and the spread of the quantiles to their coverage, so "
    "other seas are better judges. docs/background/universal.md has the figures."
)


def write_card(report: UniversalReport, spec: Spec) -> str:
    """Write the model card of a universal release."""
    lines = [
        f"# {report.dataset}",
        "",
        f"An RNN, an LSTM and a GRU that forecast any series of SST with a step of one {spec.step}, "
        f"{spec.horizon} steps ahead, "
        f"from {spec.minimum} to {spec.maximum} values, with or without a position. Version {report.version}.",
        "",
        f"They were trained on {report.seas} simulated seas and {_real(report)}. How good their forecasts of other "
        "places are depends on how closely the simulation resembles those places. The service compares them with "
        "simple references on the past of each series that it gets, and says which did better.",
        "",
        "## On real seas",
        "",
        f"This section is about the release that ships with the project. {_EVIDENCE[spec.step]} {_NOT_BLIND}",
        "",
        "## On simulated seas that were held out",
        "",
        "RMSE relative to persistence, with each error scaled by what is usual in its series. *Alone* is the same "
        "cell, fitted without the Bayesian regression that accompanies it.",
        "",
    ]
    for context in (min(spec.contexts), max(spec.contexts)):
        lines += [*_table(report, spec, context), ""]
    return "\n".join([*lines, *_events(report)])


def _table(report: UniversalReport, spec: Spec, context: int) -> Iterator[str]:
    leads = " | ".join(f"lead {lead}" for lead in spec.scored_leads)
    yield f"From {context} values:"
    yield ""
    yield f"| Model | Position | {leads} |"
    yield "|---|---|" + "---|" * len(spec.scored_leads)
    for model in report.models:
        for scores, name in (
            (model.held_out, model.model),
            (model.held_out_without_companion, f"{model.model} alone"),
        ):
            for positioned in (True, False):
                row = [score for score in scores if score.context == context and score.positioned == positioned]
                figures = " | ".join(f"{score.relative_rmse:.3f}" for score in row)
                yield f"| {name} | {'known' if positioned else 'unknown'} | {figures} |"


def _events(report: UniversalReport) -> Iterator[str]:
    """Yield the section on probabilities of events; nothing if the report has none."""
    scored = [model for model in report.models if model.events]
    if not scored:
        return
    event = scored[0].events[0]
    yield "## Probabilities of events on simulated seas that were held out"
    yield ""
    yield (
        f"The event is {event.duration} steps in a row {event.side} the {event.percentile:g}th percentile of the "
        f"context, within {event.within} steps. For the Brier score (± its standard error), lower is better. Skill is "
        "1 − Brier score / that of the reference, in percent, with its 95 % bootstrap interval. The climatological "
        "frequency is the share of the other seas in which the event happened; persistence of state is that share "
        "among seas with as many steps beyond the threshold just before the forecast."
    )
    yield ""
    titles = [f"skill over {title}" for title in REFERENCES.values()]
    rows = [("Model", "values", "seas", "happened (%)", "Brier score", *titles)]
    rows += [_event_row(model.model, event) for model in scored for event in model.events]
    yield aligned(rows)
    yield ""
    best = scored[-1]
    yield (
        f"How often the event happened, by the probability that {best.model} gave it from "
        f"{best.events[-1].context} values, in percent, with the 95 % interval of that share:"
    )
    yield ""
    yield reliability_table(best.events[-1].score)
    yield ""


def _event_row(model: str, event: HeldOutEvent) -> tuple[str, ...]:
    score = event.score
    skills = (skill_text(score.skill.get(name)) for name in REFERENCES)
    brier = f"{score.brier:.4f} ± {score.brier_error:.4f}"
    return (model, str(event.context), str(score.n), f"{100 * score.frequency:.1f}", brier, *skills)


def _real(report: UniversalReport) -> str:
    return f"on {', '.join(report.real_series)}" if report.real_series else "have seen no real series"


def rewrite_card(folder: Path) -> None:
    """Write the card of the release in ``folder`` again from its report, and seal it again.

    Raises:
        ReleaseError: if a file is not the one that was published.
    """
    release = Release.open(folder)
    contents = {name: release.read(name) for name in release.manifest.files}
    report = parse_universal_report(contents[REPORT])
    (folder / CARD).write_text(write_card(report, SPECS[report.step]), encoding="utf-8")
    reseal(release)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        rewrite_card(Path(argument))
