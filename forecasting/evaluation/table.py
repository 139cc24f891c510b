"""The table of errors: Model | MAE | RMSE | MAPE (%), with the references below the networks."""

from collections.abc import Sequence

from forecasting.evaluation.model_report import ModelReport
from forecasting.evaluation.report import Report

TITLES = {
    "rnn": "RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "persistence": "persistence",
    "climatology": "climatology",
    "damped": "damped anomaly persistence",
    "linear": "linear autoregression",
}


def model_title(name: str) -> str:
    """Return the name of a model as readers know it; an imported one goes by the name it was given."""
    return TITLES.get(name, name)


def accuracy_table(report: Report, lead: int = 1) -> str:
    """Return the accuracy on the test part at ``lead`` as an aligned Markdown table."""
    return models_table(report.models, lead)


def models_table(models: Sequence[ModelReport], lead: int = 1) -> str:
    """Return the table for models without a report."""
    return aligned([("Model", "MAE", "RMSE", "MAPE (%)"), *(_row(model, lead) for model in models)])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table of a header and rows; the first column is left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(_pad(cell, width, i) for i, (cell, width) in enumerate(zip(row, widths, strict=True))) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if i == 0 else ":") for i, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _row(model: ModelReport, lead: int) -> tuple[str, str, str, str]:
    accuracy = model.accuracy["test"]
    mape = accuracy.mape[lead - 1]
    return (
        model_title(model.name) + (f" ({model.caveat})" if model.caveat else ""),
        f"{accuracy.mae[lead - 1]:.4f}",
        f"{accuracy.rmse[lead - 1]:.4f}",
        figure(mape, 2),
    )


def figure(value: float | None, decimals: int = 4) -> str:
    """Format a number for a table; a dash if it is None."""
    return "–" if value is None else f"{value:.{decimals}f}"


def _pad(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
