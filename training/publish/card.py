"""The model cards of releases, after Mitchell et al. (2019, FAT*, 220), and sentences about their figures."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from forecasting.evaluation.division import Split
from forecasting.evaluation.events import CLIMATOLOGY, INDEPENDENT, PERSISTENCE
from forecasting.evaluation.report import (
    Coverage,
    EventReport,
    ModelReport,
    Report,
    Skill,
    StartReport,
    StationReport,
    accuracy_table,
    aligned,
    figure,
    model_title,
)
from forecasting.models.metadata import Imported
from forecasting.references.baselines import BASELINES
from forecasting.scores.events import EventScore, EventSkill
from forecasting.series.times import parse_time, short
from forecasting.series.timestep import in_words, one_each
from forecasting.wording import counted, listed
from training.fit.cell_networks import SHARES

_STATED_LEVELS = (80, 95)
"""Levels of the intervals, in percent, whose coverage is described station by station."""


def skill_text(skill: Skill, lead: int) -> str:
    """Return the skill at ``lead`` with its interval and p-value, in percent: ``3.5 [1.2, 5.6] p 0.003``."""
    value, lower, upper, p = (figures[lead - 1] for figures in (skill.value, skill.lower, skill.upper, skill.p_value))
    significance = "< 0.001" if p is not None and p < 0.001 else figure(p, 3)
    return "–" if value is None else f"{_percent(value, lower, upper, 1)} p {significance}"


def _percent(value: float, lower: float | None, upper: float | None, decimals: int) -> str:
    bounds = (f"{100 * bound:.{decimals}f}" for bound in (lower, upper) if bound is not None)
    return f"{100 * value:.{decimals}f}" + ("" if lower is None or upper is None else f" [{', '.join(bounds)}]")


def coverage_text(coverage: Coverage, lead: int) -> str:
    """Return the coverage at ``lead`` with its standard error, in percent: ``79.6 ± 3.1``."""
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
        f"Networks may be those of {source}, fitted to the place, or a mean of both. They were chosen by the "
        f"geometric mean of the RMSE over the leads of {forecasts} before the test part."
    )
    return [chosen_by, *(_describe_start(cell, start) for cell, start in starts.items())]


_SHARE_LABELS: Final = {
    "place": "fitted to the place",
    "quarter": "a quarter universal",
    "half": "the mean of both",
    "three_quarters": "three quarters universal",
    "universal": "universal",
}


def _describe_start(cell: str, start: StartReport) -> str:
    chosen = next(name for name, share in SHARES.items() if share == start.share)
    means = {name: f"{np.exp(np.log(rmse).mean()):.4f} °C" for name, rmse in start.rmse.items()}
    others = listed(f"{_SHARE_LABELS[name]} {mean}" for name, mean in means.items() if name != chosen)
    return f"{model_title(cell)} is {_SHARE_LABELS[chosen]} ({means[chosen]}; {others})."


def describe_stations(report: Report) -> list[str]:
    """Describe at how many stations the best network is behind a reference or its intervals miss their level."""
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
    """Return the RMSE of ``model`` at ``lead`` over that of the best reference."""
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
    worst, lead = max(differences, key=lambda key: differences[key])
    share = f"{100 * missed[worst].share[lead - 1]:.0f} %"
    return f"{subject} {len(missed)} of {among}; the largest miss is at {worst} ({share} at lead {lead})."


def _lead_ranges(leads: Sequence[int]) -> str:
    """Return the leads with consecutive ones joined: ``1, 3 to 5``."""
    ranges: list[list[int]] = []
    for lead in leads:
        if ranges and lead == ranges[-1][-1] + 1:
            ranges[-1].append(lead)
        else:
            ranges.append([lead])
    return ", ".join(f"{leads[0]} to {leads[-1]}" if len(leads) > 1 else str(leads[0]) for leads in ranges)


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
        rows += [(event.description, *score_cells(event.score)) for event in model.events]
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
    for row in score.reliability:
        probability, frequency = (f"{100 * share:.0f}" for share in (row.probability, row.frequency))
        bounds, interval = (
            f"{100 * low:.0f} to {100 * high:.0f}" for low, high in ((row.minimum, row.maximum), (row.lower, row.upper))
        )
        rows.append((bounds, str(row.n), probability, frequency, interval))
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
        "\n".join(_event_line(event) for event in shown),
        *([_ASSUMED] if shown[-1].assumed else []),
        "`report.md` has more events, and how often they happened, by forecast probability.",
    ]


def _event_line(event: EventReport) -> str:
    score = event.score
    skills = "; ".join(
        f"{event_skill_text(skill)} over {REFERENCES[name]}"
        for name, skill in score.skill.items()
        if skill.value is not None
    )
    return (
        f"- {event.description}: happened in {100 * score.frequency:.1f} % of {score.n} cases; Brier score "
        f"{score.brier:.4f} ± {score.brier_error:.4f}{'; skill ' if skills else ''}{skills}"
    )


def score_cells(score: EventScore) -> tuple[str, ...]:
    """Return the number of cases, their share with the event, the Brier score and the skills, for a table."""
    brier = f"{score.brier:.4f} ± {score.brier_error:.4f}"
    skills = (event_skill_text(score.skill.get(name)) for name in REFERENCES)
    return (str(score.n), f"{100 * score.frequency:.1f}", brier, *skills)


def event_skill_text(skill: EventSkill | None) -> str:
    """Return the skill in percent with its interval; a dash where there is none."""
    if skill is None or skill.value is None:
        return "–"
    return _percent(skill.value, skill.lower, skill.upper, 0)


IMPORTED_NETWORKS: Final = "networks that were trained elsewhere and imported"

_USES_IMPORTED: Final[dict[Split, str]] = {
    "train": "its last three sevenths contribute to the calibration of intervals",
    "validation": "selects the best network and contributes to the calibration of intervals",
    "test": "measures the accuracy below, and its errors contribute to the intervals that are served",
}


def describe_caveats(report: Report) -> list[str]:
    """Describe which figures may come from data that a network was trained on; nothing if there are none."""
    seen = [model_title(model.name) for model in report.networks if model.caveat]
    if not seen:
        return []
    return [
        f"{' and '.join(seen)} may have seen the test part in training. If so, its figures here are too good and its "
        "intervals too narrow: check it with POST /compare on data from after its training."
    ]


def imported_training_data(report: Report) -> list[str]:
    """Return the section on the training data, which is unknown, and on the data of the figures."""
    sources = [f"- {model_title(cell)}: {_source(imported)}" for cell, imported in report.imported.items()]
    return [
        "## Training data",
        "Unknown: the networks were trained elsewhere.",
        "\n".join(sources),
        "## Evaluation data",
        _data(report, _USES_IMPORTED),
        "The references are fitted to the training and validation parts. Intervals are calibrated on errors after the "
        "stated end of the training where enough data follows it, otherwise on data that the networks may have seen. "
        "`outside_training` marks windows unlike this data.",
    ]


def _source(imported: Imported) -> str:
    file = f"from `{imported.file}`, sha256 `{imported.sha256}`"
    if imported.trained_until is None:
        return f"{file}; the end of its training data is not known"
    return f"{file}; trained on data until {short(parse_time(imported.trained_until))}, as its user states"


_CHOOSES: Final = "selects the best network and contributes to the calibration of intervals; the "
_USES: Final[dict[Split, str]] = {
    "train": "fits the weights; forecasts of its last three sevenths, by networks fitted to the data before them, also "
    "contribute to the calibration of intervals if enough data comes before",
    "validation": _CHOOSES + "published weights are then fitted to it as well",
    "test": "measures the accuracy below, and is used for nothing else",
}
_USES_BEFORE_REFIT: Final[dict[Split, str]] = {
    "train": _USES["train"],
    "validation": _CHOOSES + "weights are then fitted to it as well",
    "test": "measures the accuracy below; the weights that are served are then fitted to it as well, and its errors "
    "contribute to the calibration of their intervals",
}
"""Of releases whose served weights have seen the test part."""
_USES_UNFITTED: Final[dict[Split, str]] = {
    "train": "its errors contribute to the calibration of intervals",
    "validation": "selects the best network and contributes to the calibration of intervals",
    "test": "measures the accuracy below, and its errors contribute to the intervals that are served",
}
"""Of releases whose series is too short to fit networks to."""


def model_card(report: Report) -> str:
    """Return the card as Markdown: the networks, their training data, their intended use, and how far to trust them."""
    sections = (_head, _training_data, _intended_use, _accuracy, _coverage, event_lines, _drift)
    return "\n\n".join(paragraph for section in sections for paragraph in section(report)) + "\n"


def _head(report: Report) -> list[str]:
    cells = ", ".join(model_title(model.name) for model in report.networks)
    subject = f"{report.title} ({report.dataset})" if report.title else report.dataset
    networks = IMPORTED_NETWORKS if report.imported else f"recurrent networks{_kind(report)}"
    return [
        f"# Model card: {subject} {report.version}",
        f"{cells}: {networks}. They forecast sea-surface "
        f"temperature (SST) 1 to {report.horizon} steps ahead from a window of {report.window} values, "
        f"{one_each(report.step)}. `best` is {model_title(report.best.name)}, chosen by its RMSE on the validation "
        "part.",
    ]


def _kind(report: Report) -> str:
    """Return what the networks are besides a cell."""
    shares = {start.share for start in report.starts.values()}
    if shares == {1.0}:
        return " that were trained on simulated seas, and know the series of this place"
    if shares <= {0.0}:
        return ", each combined with a linear autoregression"
    return ", each combined with a linear autoregression, and some with a network that was trained on simulated seas"


def _training_data(report: Report) -> list[str]:
    if report.imported:
        return imported_training_data(report)
    uses = _USES_BEFORE_REFIT if report.fitted_until else _USES
    if report.starts and not any(start.rmse for start in report.starts.values()):
        uses = _USES_UNFITTED
    paragraphs = ["## Training data", _data(report, uses)]
    if report.fitted_until is not None:
        paragraphs.append(
            f"The weights that are served (`CELL.pt`) have seen all data up to {report.fitted_until}. Every figure "
            "below comes from the same networks fitted without the test part (`evaluated/CELL.pt`)."
        )
    if sentences := describe_starts(report):
        positions = {start.position for start in report.starts.values()}
        paragraphs += ["## Start", "\n".join(f"- {sentence}" for sentence in (*sentences, *positions))]
    return paragraphs


def _data(report: Report, uses: Mapping[Split, str]) -> str:
    """Return the file, the parts with their uses, and the notes, as a list."""
    lines = [f"- `{report.data_file}`, sha256 `{report.data_sha256}`"]
    together = " over all stations" if report.stations else ""
    for split, period in report.periods.items():
        lines.append(f"- {split}: {period.start} to {period.end}, {period.n} steps{together}: {uses[split]}")
    return "\n".join([*lines, *(f"- {note}" for note in report.notes)])


def _intended_use(report: Report) -> list[str]:
    drift = report.drift
    span = "" if drift is None else f", at temperatures from {drift.minimum:.1f} to {drift.maximum:.1f} °C"
    location = "the stations it was trained on" if report.stations else "the place it was trained on"
    if report.imported:
        location = "the place that the references below were fitted to"
    return [
        "## Intended use",
        f"SST at {location}, at a step of {in_words(report.step)}{span}. Before you use it anywhere else, check with "
        "`POST /compare` on a series from that place that it beats the references there.",
        "## Out of scope",
        f"- Leads beyond {report.horizon} steps, or a step other than {in_words(report.step)}.\n"
        "- Water or seasons unlike the training data: the service marks such windows `outside_training`, and their "
        "intervals are not calibrated.\n"
        "- Decisions that affect life or property without a forecaster's judgement: the networks know only past SST, "
        "and no wind, currents, rivers or weather forecasts.\n"
        "- Climate projections: the networks extend a series by a few steps and do not know why a sea warms.",
    ]


def _accuracy(report: Report) -> list[str]:
    test = report.periods["test"]
    best = report.best
    paragraphs = [
        "## Accuracy",
        f"One step ahead on the test part, {test.start} to {test.end}, in °C:",
        accuracy_table(report),
        *describe_caveats(report),
        f"Skill of {model_title(best.name)}: 1 − RMSE / RMSE of the reference, in percent, with the 95 % interval of a "
        "block bootstrap in brackets and the p-value of a Diebold–Mariano test:",
        "\n".join(_skill_lines(report, best)),
        "See `report.md` for every model, and `report.json` for every lead.",
    ]
    if report.left_out:
        rmse = listed(f"{model_title(name)} {accuracy.rmse[0]:.4f}" for name, accuracy in report.left_out.items())
        paragraphs.append(f"RMSE one step ahead at the stations left out of training: {rmse}.")
    return [*paragraphs, *describe_stations(report)]


def _skill_lines(report: Report, best: ModelReport) -> list[str]:
    later_leads = [report.horizon] if report.horizon > 1 else []
    return [
        f"- against {model_title(name)}: {skill_text(skill, 1)} at lead 1 ({_verdict(skill.lower[0], skill.upper[0])})"
        + "".join(f"; {skill_text(skill, lead)} at lead {lead}" for lead in later_leads)
        for name, skill in best.skill.items()
    ]


def _verdict(lower: float | None, upper: float | None) -> str:
    """Return what the interval of a skill says."""
    if lower is None or upper is None:
        return "unknown"
    if lower > 0:
        return "better"
    return "worse" if upper < 0 else "no significant difference"


def _coverage(report: Report) -> list[str]:
    best, lines = report.best, []
    for level in (80, 95):
        if level in best.intervals:
            coverage = best.intervals[level].coverage
            seasons = ", ".join(
                f"{name} {100 * season.share[0]:.0f} ± {100 * season.error[0]:.0f}"
                for name, season in best.intervals[level].seasons.items()
            )
            lines += [
                f"- {level} %: {coverage_text(coverage, 1)} one step ahead, {coverage_text(coverage, report.horizon)} "
                f"at lead {report.horizon}; by season, one step ahead: {seasons}",
                f"- {describe_coverage(coverage, level)}",
            ]
    return [
        "## Coverage",
        f"Share of the test part inside the intervals of {model_title(best.name)}, in percent, ± its standard error:",
        "\n".join(lines) or "There are too few out-of-sample errors for intervals of 80 and 95 %.",
    ]


def _drift(report: Report) -> list[str]:
    drift = report.drift
    if drift is None:
        return []
    subject = "The data before the test part has" if report.imported else "The weights were fitted to"
    return [
        "## Drift",
        f"{subject} temperatures from {drift.minimum:.2f} to {drift.maximum:.2f} °C. In the test "
        f"part, {100 * drift.above:.1f} % of the values lie above that range and {100 * drift.below:.1f} % below it. "
        f"The test part is on average {abs(drift.anomaly):.2f} °C {'warmer' if drift.anomaly >= 0 else 'colder'} than "
        f"the climatology of the data before it, and {100 * drift.unlike:.1f} % of its windows are marked "
        "`outside_training`.",
    ]
