"""A gallery of series, one small panel each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

_COLUMNS: Final = 3


def draw_gallery(series: Mapping[str, npt.NDArray[np.float64]], path: Path) -> None:
    """Draw each of ``series``, °C ``(steps,)``, under its name, and write the figure to ``path`` (PNG or SVG)."""
    rows = -(-len(series) // _COLUMNS)
    figure = Figure(figsize=(10, 1.9 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes, (name, values) in zip(panels, series.items(), strict=False):
        axes.plot(values, lw=0.6, color="#0072b2")
        axes.set_title(name, loc="left", fontsize="small")
        axes.tick_params(labelsize="x-small")
        axes.margins(x=0.01)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(series) :]:
        axes.remove()
    figure.supylabel("°C", fontsize="small")
    figure.savefig(path, dpi=110)
