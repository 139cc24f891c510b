"""What is seen on a map, in words."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.climatology.usual import side_of
from forecasting.events.detection import CATEGORIES
from forecasting.series.times import Floats
from scoring.grids.job import Values

_LIKELY: Final = 0.5


@dataclass(frozen=True, eq=False)
class Seen:
    """The cells of a map."""

    lat: Floats
    lon: Floats
    event: str = ""

    def text(self, kind: str, values: Values) -> str:
        """Return what is seen in ``values`` ``(rows, columns)``."""
        known = np.isfinite(values)
        if not known.any():
            return "Nothing is known on this day: the cells have no baseline."
        weights = np.where(known, np.cos(np.deg2rad(self.lat))[:, None], 0.0)
        weights /= weights.sum()
        filled = np.where(known, values, 0.0)
        if kind == "anomaly":
            return self._of_anomalies(filled, weights, values)
        return self._of_categories(filled, weights) if kind == "category" else self._of_chances(filled, weights, values)

    def _of_anomalies(self, filled: Values, weights: Floats, values: Values) -> str:
        mean = float((filled * weights).sum())
        side = {"warmer": "warmer", "colder": "cooler"}.get(side_of(mean) or "")
        warmest, coldest = (np.unravel_index(int(pick(values)), values.shape) for pick in (np.nanargmax, np.nanargmin))
        average = f"{abs(mean):.1f} °C {side} than usual" if side else "as warm as usual"
        return (
            f"On average, the sea is {average}; {_share(weights[filled > 0].sum())} of it is warmer. "
            f"The greatest differences are {_signed(values[warmest])} °C near {self._place(warmest)} and "
            f"{_signed(values[coldest])} °C near {self._place(coldest)}."
        )

    def _of_categories(self, filled: Values, weights: Floats) -> str:
        shares = [float(weights[filled == i].sum()) for i in range(1, len(CATEGORIES) + 1)]
        if not sum(shares):
            return f"Nowhere is a {self.event} likely."
        named = [f"{_share(share)} {name.lower()}" for share, name in zip(shares, CATEGORIES, strict=True) if share]
        worst = np.unravel_index(int(filled.argmax()), filled.shape)
        return (
            f"In {_share(sum(shares))} of the sea, a {self.event} is likely: {', '.join(named)}. The highest category "
            f"is near {self._place(worst)}."
        )

    def _of_chances(self, filled: Values, weights: Floats, values: Values) -> str:
        likely = float(weights[filled > _LIKELY].sum())
        highest = np.unravel_index(int(np.nanargmax(values)), values.shape)
        if not filled[highest]:
            return f"The probability of a {self.event} is 0 everywhere."
        sentence = f"A {self.event} is more likely than not in {_share(likely)} of the sea."
        if not likely:
            sentence = f"Nowhere is a {self.event} more likely than not."
        return f"{sentence} The highest probability is {filled[highest] * 100:.0f} % near {self._place(highest)}."

    def _place(self, cell: tuple[np.intp, ...]) -> str:
        """Return the position of a cell, such as 38° N 150° E."""
        north, east = float(self.lat[cell[0]]), (float(self.lon[cell[1]]) + 180) % 360 - 180
        return f"{abs(north):.0f}° {'N' if north >= 0 else 'S'} {abs(east):.0f}° {'E' if east >= 0 else 'W'}"


def _signed(difference: float) -> str:
    """Return a difference with a sign, such as −1.1."""
    return f"{difference:+.1f}".replace("-", "−")


def _share(share: float) -> str:
    """Return a share in percent; one that is small but not 0 as such."""
    return "less than 1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"
