"""Texts on networks that were trained elsewhere, for the report, the model card and the command line."""

from typing import Final

from forecasting.evaluation.division import Split
from forecasting.evaluation.report import Report
from forecasting.evaluation.table import model_title
from forecasting.networks.metadata import Imported
from forecasting.series.times import parse_time, short

IMPORTED_NETWORKS: Final = "networks that were trained elsewhere and imported"

_USES: Final[dict[Split, str]] = {
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
    lines = [f"- `{report.data_file}`, sha256 `{report.data_sha256}`"]
    lines += [
        f"- {split}: {period.start} to {period.end}, {period.n} steps: {_USES[split]}"
        for split, period in report.periods.items()
    ]
    lines += [f"- {note}" for note in report.notes]
    return [
        "## Training data",
        "Unknown: the networks were trained elsewhere.",
        "\n".join(sources),
        "## Evaluation data",
        "\n".join(lines),
        "The references are fitted to the training and validation parts. Intervals are calibrated on errors after the "
        "stated end of the training where enough data follows it, otherwise on data that the networks may have seen. "
        "`outside_training` marks windows unlike this data.",
    ]


def _source(imported: Imported) -> str:
    file = f"from `{imported.file}`, sha256 `{imported.sha256}`"
    if imported.trained_until is None:
        return f"{file}; the end of its training data is not known"
    return f"{file}; trained on data until {short(parse_time(imported.trained_until))}, as its user states"
