"""The model card of a release: ``MODEL_CARD.md``, after Mitchell et al. (2019, FAT*, 220)."""

from typing import Final

from forecasting.evaluation.division import Split
from forecasting.evaluation.model_report import ModelReport
from forecasting.evaluation.report import Report
from forecasting.evaluation.table import TITLES, accuracy_table
from forecasting.series.timestep import in_words, one_each
from training.publish.by_station import stations_in_words
from training.publish.report_markdown import coverage_in_words, misses_in_words, skill_in_words

_USES: Final[dict[Split, str]] = {
    "train": "weights; after its first four sevenths, forecast by fits to what came before where that is long enough, "
    "calibration of intervals too",
    "validation": "choice of the best and calibration of intervals, then weights too",
    "test": "the accuracy below, and nothing else",
}


def model_card(report: Report) -> str:
    """What the networks are, what they were trained on, what they are for, and how far to trust them."""
    sections = (_head, _trained_on, _uses, _accuracy, _intervals, _drift)
    return "\n\n".join(part for section in sections for part in section(report)) + "\n"


def _head(report: Report) -> list[str]:
    cells = ", ".join(TITLES[model.name] for model in report.networks)
    return [
        f"# Model card: {report.dataset} {report.version}",
        f"{cells}: recurrent networks beside a linear autoregression, that forecast sea-surface temperature (SST) 1 to "
        f"{report.horizon} steps ahead from {report.window} values, {one_each(report.step)}. `best` is "
        f"{TITLES[report.best.name]}, which the validation part picked.",
    ]


def _trained_on(report: Report) -> list[str]:
    lines = [f"- `{report.data_file}`, sha256 `{report.data_sha256}`"]
    together = " of all stations together" if report.stations else ""
    for split, period in report.periods.items():
        lines.append(f"- {split}: {period.start} to {period.end}, {period.n} steps{together}: {_USES[split]}")
    lines += [f"- {note}" for note in report.notes]
    return ["## Trained on", "\n".join(lines)]


def _uses(report: Report) -> list[str]:
    drift = report.drift
    span = "" if drift is None else f", at temperatures from {drift.minimum:.1f} to {drift.maximum:.1f} °C"
    where = "the stations it was trained on" if report.stations else "the place it was trained on"
    return [
        "## Meant for",
        f"SST at {where}, at a step of {in_words(report.step)}{span}; for other places only after `POST /compare` on "
        "their own series has shown that it beats the references there.",
        "## Not meant for",
        f"- Leads beyond {report.horizon} steps, or another step than {in_words(report.step)}.\n"
        "- Water or seasons unlike the training: the service marks such windows `outside_training`, and intervals "
        "there are not calibrated.\n"
        "- Decisions on which life or property depend, without a forecaster's judgement: nothing but past SST is known "
        "to the networks, no wind, no currents, no river, no forecast of the weather.\n"
        "- Climate projections: the networks continue a series by some steps, and know nothing of why a sea warms.",
    ]


def _accuracy(report: Report) -> list[str]:
    test = report.periods["test"]
    best = report.best
    parts = [
        "## Accuracy",
        f"One step ahead on the test part, {test.start} to {test.end}, in °C:",
        accuracy_table(report),
        f"Skill of {TITLES[best.name]} (1 − RMSE / RMSE of the reference, in percent, with what 95 % of block-"
        "bootstrap resamples say, and Diebold and Mariano's p-value):",
        "\n".join(_skill_lines(report, best)),
        "`report.md` has every model and lead.",
    ]
    if report.left_out:
        left = ", ".join(f"{TITLES[name]} {one.rmse[0]:.4f}" for name, one in report.left_out.items())
        parts.append(f"RMSE at stations left out of training, one step ahead: {left}.")
    return [*parts, *stations_in_words(report)]


def _skill_lines(report: Report, best: ModelReport) -> list[str]:
    ends = sorted({1, report.horizon})
    return [
        f"- against {TITLES[name]}: "
        + "; ".join(f"{skill_in_words(skill, lead)} at lead {lead}" for lead in ends)
        + f": {_verdict(skill.lower[0], skill.upper[0])} at lead 1"
        for name, skill in best.skill.items()
    ]


def _verdict(lower: float | None, upper: float | None) -> str:
    if lower is None or upper is None:
        return "no telling"
    if lower > 0:
        return "better"
    return "worse" if upper < 0 else "no difference that the test part can tell"


def _intervals(report: Report) -> list[str]:
    best, lines = report.best, []
    for level in (80, 95):
        if level not in best.intervals:
            continue
        quality = best.intervals[level]
        seasons = ", ".join(
            f"{name} {100 * coverage.share[0]:.0f} ± {100 * coverage.error[0]:.0f}"
            for name, coverage in quality.seasons.items()
        )
        lines.append(
            f"- {level} %: {coverage_in_words(quality.coverage, 1)} one step ahead, "
            f"{coverage_in_words(quality.coverage, report.horizon)} at lead {report.horizon}; by season, one step "
            f"ahead: {seasons}"
        )
        lines.append(f"- {misses_in_words(quality.coverage, level)}")
    said = f"Share of the test part inside the intervals of {TITLES[best.name]}, in percent, ± its standard error:"
    return ["## Coverage", said, "\n".join(lines) or "Too few errors out of sample are known for 80 and 95 %."]


def _drift(report: Report) -> list[str]:
    drift = report.drift
    if drift is None:
        return []
    return [
        "## Drift",
        f"The weights were fitted on {drift.minimum:.2f} to {drift.maximum:.2f} °C. Of the test part "
        f"{100 * drift.above:.1f} % lies above and {100 * drift.below:.1f} % below; on average it is "
        f"{abs(drift.anomaly):.2f} °C {'warmer' if drift.anomaly >= 0 else 'colder'} than the climatology of what came "
        f"before, and {100 * drift.unlike:.1f} % of its windows are marked `outside_training`.",
    ]
