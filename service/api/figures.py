"""Figures of a report: lines and dots as SVG that needs no script, in the colours of the page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Final

import numpy as np

TITLES: Final = {
    "mixture": "Mixture",
    "rnn": "RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "persistence": "Persistence",
    "climatology": "Usual",
    "damped": "Damped persistence",
    "linear": "Linear autoregression",
    "usual_change": "Usual change",
}
"""Names of models and references, as in ``models.js``."""

_COLOURS: Final = {
    "rnn": "rnn",
    "lstm": "lstm",
    "gru": "gru",
    "mixture": "observed",
    "persistence": "reference",
    "climatology": "reference-2",
    "damped": "reference-3",
    "linear": "reference-4",
    "usual_change": "reference-5",
}
_OTHER_COLOURS: Final = ("imported", "imported-2", "imported-3")
_DASHES: Final = {"rnn": "2 5", "lstm": "8 5", "persistence": "2 3", "climatology": "10 4", "linear": "5 3"}

_WIDTH: Final = 340
_HEIGHT: Final = 210
_LEFT: Final = 46
_RIGHT: Final = 328
_TOP: Final = 30
_BOTTOM: Final = 170
_MOST_TICKS: Final = 5
_ROUND: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Line:
    """A line, or dots, of one model."""

    kind: str
    points: Sequence[tuple[float, float]]
    joined: bool = True
    number: int = 0

    @property
    def stroke(self) -> str:
        """The attributes of its line."""
        name = _COLOURS.get(self.kind, _OTHER_COLOURS[self.number % len(_OTHER_COLOURS)])
        dash = f' stroke-dasharray="{_DASHES[self.kind]}"' if self.kind in _DASHES else ""
        return f'stroke="var(--{name})" stroke-width="2"{dash}'


def title_of(kind: str) -> str:
    """Return the name of a model or reference for readers; an imported network goes by the name it was given."""
    return TITLES.get(kind, kind)


def swatch(line: Line) -> str:
    """Return a sample of a line, for a legend."""
    mark = "M0 4H28" if line.joined else "M11 4H17"
    return (
        '<svg class="swatch" viewBox="0 0 28 8" width="28" height="8" aria-hidden="true">'
        f'<path class="line" d="{mark}" fill="none" {line.stroke}/></svg>'
    )


def figure(
    title: str, lines: Sequence[Line], ticks: Sequence[tuple[float, str]], below: str = "", rule: float | None = None
) -> str:
    """Return one panel as SVG."""
    lines = [replace(line, points=[point for point in line.points if np.isfinite(point[1])]) for line in lines]
    lines = [line for line in lines if line.points]
    positions = [x for line in lines for x, _ in line.points] + [x for x, _ in ticks]
    values = [value for line in lines for _, value in line.points] + ([] if rule is None else [rule])
    low, high, marks = _scale(min(values, default=0.0), max(values, default=0.0))
    begin, end = min(positions), max(positions)
    # Categories keep clear of the edges.
    margin = 0.5 if not all(line.joined for line in lines) else 0.0

    def x(position: float) -> str:
        share = (position - begin + margin) / ((end - begin + 2 * margin) or 1)
        return f"{_LEFT + share * (_RIGHT - _LEFT):.1f}"

    def y(value: float) -> str:
        return f"{_BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP):.1f}"

    parts = [f'<text x="0" y="14">{escape(title)}</text>']
    for value, label in marks:
        parts.append(f'<path class="grid" d="M{_LEFT} {y(value)}H{_RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value)}" dy="4" text-anchor="end">{label}</text>')
    if rule is not None:
        parts.append(f'<path class="zero" d="M{_LEFT} {y(rule)}H{_RIGHT}" stroke-dasharray="4 3"/>')
    for position, label in ticks:
        text = f'<text x="{x(position)}" y="{_BOTTOM + 18}" text-anchor="middle">{escape(label)}</text>'
        parts.append(text)
    if below:
        middle = (_LEFT + _RIGHT) // 2
        parts.append(f'<text x="{middle}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(below)}</text>')
    for line in lines:
        if line.joined:
            path = "L".join(f"{x(position)} {y(value)}" for position, value in line.points)
            parts.append(f'<path class="line" d="M{path}" {line.stroke}/>')
        else:
            colour = line.stroke.partition(" stroke-width")[0].replace("stroke", "fill", 1)
            parts += [f'<circle cx="{x(at)}" cy="{y(value)}" r="4" {colour}/>' for at, value in line.points]
    head = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}" font-size="12">'
    return f"{head}{''.join(parts)}</svg>"


def _scale(low: float, high: float) -> tuple[float, float, list[tuple[float, str]]]:
    """Return the ends of an axis that holds these values, with round ticks and their labels."""
    span = (high - low) or abs(high) or 1.0
    low, high = low - 0.04 * span, high + 0.04 * span
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    size = next(factor * power for factor in _ROUND if factor * power >= rough)
    decimals = max(0, -int(np.floor(np.log10(size))) + (size / power == 2.5))
    values = np.arange(np.ceil(low / size), np.floor(high / size) + 1) * size
    return low, high, [(float(value), f"{value:.{decimals}f}") for value in values]
