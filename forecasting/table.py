"""The table of the lesson: Model | MAE | RMSE | MAPE (%), the references under the networks."""

from collections.abc import Sequence

from forecasting.report import ModelReport, Report

TITLES = {
    "rnn": "RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "persistence": "persistence",
    "climatology": "climatology",
    "damped": "damped anomaly persistence",
    "linear": "linear autoregression",
}


def accuracy_table(report: Report, lead: int = 1) -> str:
    """Accuracy on the test part at ``lead``, as aligned Markdown."""
    return models_table(report.models, lead)


def models_table(models: Sequence[ModelReport], lead: int = 1) -> str:
    """The same for models that are in no report."""
    head = [("Model", "MAE", "RMSE", "MAPE (%)")]
    rows = head + [_row(model, lead) for model in models]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "| " + " | ".join(_pad(cell, width, k) for k, (cell, width) in enumerate(zip(row, widths, strict=True))) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if k == 0 else ":") for k, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _row(model: ModelReport, lead: int) -> tuple[str, str, str, str]:
    accuracy = model.accuracy["test"]
    mape = accuracy.mape[lead - 1]
    return (
        TITLES.get(model.name, model.name),
        f"{accuracy.mae[lead - 1]:.4f}",
        f"{accuracy.rmse[lead - 1]:.4f}",
        "–" if mape is None else f"{mape:.2f}",
    )


def _pad(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
