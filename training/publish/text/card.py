"""The model card of a release: ``MODEL_CARD.md``, after Mitchell et al. (2019, FAT*, 220)."""

from typing import Final

from forecasting.evaluation.division import Split
from forecasting.evaluation.model_report import IntervalReport, ModelReport
from forecasting.evaluation.report import Report
from forecasting.evaluation.table import accuracy_table, model_title
from forecasting.series.timestep import in_words, one_each
from forecasting.wording import listed
from training.publish.text.event_text import event_lines
from training.publish.text.imported_text import IMPORTED_NETWORKS, describe_caveats, imported_training_data
from training.publish.text.sentences import (
    coverage_text,
    describe_coverage,
    describe_starts,
    describe_stations,
    skill_text,
)

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
    networks = IMPORTED_NETWORKS if report.imported else f"recurrent networks{_kind(report)}"
    return [
        f"# Model card: {_subject(report)} {report.version}",
        f"{cells}: {networks}. They forecast sea-surface "
        f"temperature (SST) 1 to {report.horizon} steps ahead from a window of {report.window} values, "
        f"{one_each(report.step)}. `best` is {model_title(report.best.name)}, chosen by its RMSE on the validation "
        "part.",
    ]


def _subject(report: Report) -> str:
    return f"{report.title} ({report.dataset})" if report.title else report.dataset


def _kind(report: Report) -> str:
    """What the networks are besides a cell."""
    shares = {start.share for start in report.starts.values()}
    if shares == {1.0}:
        return " that were trained on simulated seas, and know the series of this place"
    if shares <= {0.0}:
        return ", each combined with a linear autoregression"
    return ", each combined with a linear autoregression, and some with a network that was trained on simulated seas"


def _training_data(report: Report) -> list[str]:
    if report.imported:
        return imported_training_data(report)
    lines = [f"- `{report.data_file}`, sha256 `{report.data_sha256}`"]
    together = " over all stations" if report.stations else ""
    uses = _USES_BEFORE_REFIT if report.fitted_until else _USES
    if report.starts and not any(start.rmse for start in report.starts.values()):
        uses = _USES_UNFITTED
    for split, period in report.periods.items():
        lines.append(f"- {split}: {period.start} to {period.end}, {period.n} steps{together}: {uses[split]}")
    lines += [f"- {note}" for note in report.notes]
    return ["## Training data", "\n".join(lines), *_weights(report), *_starts(report)]


def _starts(report: Report) -> list[str]:
    lines = [f"- {sentence}" for sentence in describe_starts(report)]
    positions = {start.position for start in report.starts.values()}
    return ["## Start", "\n".join([*lines, *(f"- {position}" for position in positions)])] if lines else []


def _weights(report: Report) -> list[str]:
    if report.fitted_until is None:
        return []
    return [
        f"The weights that are served (`CELL.pt`) have seen all data up to {report.fitted_until}. Every figure below "
        "comes from the same networks fitted without the test part (`evaluated/CELL.pt`)."
    ]


def _intended_use(report: Report) -> list[str]:
    drift = report.drift
    span = "" if drift is None else f", at temperatures from {drift.minimum:.1f} to {drift.maximum:.1f} °C"
    place = "the stations it was trained on" if report.stations else "the place it was trained on"
    if report.imported:
        place = "the place that the references below were fitted to"
    return [
        "## Intended use",
        f"SST at {place}, at a step of {in_words(report.step)}{span}. Before you use it anywhere else, check with "
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
    """What the interval of a skill says."""
    if lower is None or upper is None:
        return "unknown"
    if lower > 0:
        return "better"
    return "worse" if upper < 0 else "no significant difference"


def _coverage(report: Report) -> list[str]:
    best, lines = report.best, []
    for level in (80, 95):
        if level in best.intervals:
            intervals = best.intervals[level]
            lines.append(_coverage_line(report, intervals, level))
            lines.append(f"- {describe_coverage(intervals.coverage, level)}")
    introduction = (
        f"Share of the test part inside the intervals of {model_title(best.name)}, in percent, ± its standard error:"
    )
    return [
        "## Coverage",
        introduction,
        "\n".join(lines) or "There are too few out-of-sample errors for intervals of 80 and 95 %.",
    ]


def _coverage_line(report: Report, intervals: IntervalReport, level: int) -> str:
    seasons = ", ".join(
        f"{name} {100 * coverage.share[0]:.0f} ± {100 * coverage.error[0]:.0f}"
        for name, coverage in intervals.seasons.items()
    )
    return (
        f"- {level} %: {coverage_text(intervals.coverage, 1)} one step ahead, "
        f"{coverage_text(intervals.coverage, report.horizon)} at lead {report.horizon}; by season, one step ahead: "
        f"{seasons}"
    )


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
