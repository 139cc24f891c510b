"""Plots of the predictions of a release beside the observations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecasting.evaluation.report import Report, model_title
from forecasting.series.timestep import in_words

COLOURS: Final = {"rnn": "#d55e00", "lstm": "#009e73", "gru": "#0072b2"}
"""Vermilion, green and blue of the Okabe–Ito palette, which differ in any colour vision and in grey."""

_STYLES: Final = {"rnn": (-5.5, (2, 6)), "lstm": (0, (4, 4)), "gru": "solid"}
_WIDTH_POINTS: Final = {"rnn": 2.0, "lstm": 2.0, "gru": 3.2}
"""Line widths; the first cell is drawn on top."""

_OTHER_COLOURS: Final = ("#cc79a7", "#e69f00", "#56b4e9")
"""Purple, orange and sky blue of the same palette, for cells that were imported."""

_CLOSE_UP_STEPS: Final = 60
"""Number of steps in the enlarged panels."""

_MAX_BRIDGED_STEPS: Final = 3
"""Longest stretch without a forecast that a line is drawn across; a longer line would look like a forecast."""


def draw_comparison(predictions: pd.DataFrame, report: Report) -> Figure:
    """Draw the whole test part at the top, its last steps enlarged in the middle, and their errors at the bottom.

    The predictions are °C, indexed by ISO time: the column ``observed`` and one column for each network.
    """
    cells = [model.name for model in report.networks]
    frame = predictions.set_axis(pd.to_datetime(predictions.index).tz_localize(None))
    close = frame.iloc[-_CLOSE_UP_STEPS:]
    steps = len(close)
    frame, close = _break_at_gaps(frame), _break_at_gaps(close)
    figure = Figure(figsize=(10, 7.2), layout="constrained")
    whole, large, error = figure.subplots(3, 1, height_ratios=(3, 3.6, 1.8))
    _draw_series(whole, frame, cells, thin=True)
    whole.axvspan(close.index[0], close.index[-1], color="0.5", alpha=0.12, linewidth=0)
    whole.set_title(
        f"{report.dataset}: {in_words(report.step)} ahead on the test part, {frame.index[0]:%Y-%m-%d} to "
        f"{frame.index[-1]:%Y-%m-%d}",
        loc="left",
    )
    _draw_series(large, close, cells, thin=False)
    large.set_title(f"the last {steps} steps", loc="left", fontsize="medium")
    large.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=4, frameon=False, handlelength=4)
    for cell, style in _styles(cells).items():
        error.plot(close.index, close[cell] - close["observed"], **style)
    error.axhline(0, color="0.3", lw=0.8)
    error.set_ylabel("error (°C)")
    for axes in (whole, large, error):
        axes.margins(x=0.01)
        axes.grid(color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _break_at_gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """Insert an empty row into each long gap, so that lines break there."""
    after = frame.index.to_series().diff()
    step = after.median()
    return frame.reindex(frame.index.union(frame.index[after > (_MAX_BRIDGED_STEPS + 1.5) * step] - step))


def _draw_series(axes: Axes, frame: pd.DataFrame, cells: list[str], *, thin: bool) -> None:
    axes.plot(frame.index, frame["observed"], color="0.25", lw=1.0 if thin else 2.4, alpha=0.55, label="observed",
              marker=None if thin else "o", markersize=3)  # fmt: skip
    for cell, style in _styles(cells).items():
        axes.plot(frame.index, frame[cell], **style | {"lw": style["lw"] / 2 if thin else style["lw"]})
    axes.set_ylabel("SST (°C)")


def _styles(cells: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the line of each cell: dashes lie over a solid line, and dots in their gaps, so that all are visible."""
    others = [cell for cell in cells if cell not in COLOURS]
    colours = COLOURS | {cell: _OTHER_COLOURS[i % len(_OTHER_COLOURS)] for i, cell in enumerate(others)}
    first = [*_WIDTH_POINTS, *others]
    return {
        cell: {
            "label": model_title(cell),
            "color": colours[cell],
            "linestyle": _STYLES.get(cell, "solid"),
            "lw": _WIDTH_POINTS.get(cell, 2.0),
            "zorder": 2 + (len(first) - first.index(cell)) / 10,
        }
        for cell in cells
    }


def save_comparison(predictions: pd.DataFrame, report: Report, folder: Path) -> None:
    """Write ``comparison.png`` and ``comparison.svg`` into ``folder``."""
    figure = draw_comparison(predictions, report)
    figure.savefig(folder / "comparison.png", dpi=110)
    # Without a date and with a fixed salt the same run draws the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": report.dataset, "svg.fonttype": "none"}):
        figure.savefig(folder / "comparison.svg", metadata={"Date": None})
