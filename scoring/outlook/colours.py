"""The colour scales of maps, which people who are colour-blind can read: each step is lighter or darker than the last.

The scale of anomalies has blue below zero and orange to red above it, as dark at the same distance from zero, which
people without red or green receptors distinguish.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]
Indices = npt.NDArray[np.uint8]

LAND: Final[Colour] = (190, 186, 178)
COAST: Final[Colour] = (70, 70, 70)
NOTHING: Final[Colour] = (255, 255, 255)
INK: Final[Colour] = (20, 20, 20)
PAPER: Final[Colour] = (252, 252, 252)

LAND_INDEX, COAST_INDEX, NOTHING_INDEX, INK_INDEX, PAPER_INDEX = range(5)
_FIXED: Final = (LAND, COAST, NOTHING, INK, PAPER)
FIRST: Final = len(_FIXED)
"""Index of the first colour of a scale in a palette."""


@dataclass(frozen=True)
class Scale:
    """The colours of a map."""

    edges: tuple[float, ...]
    colours: tuple[Colour, ...]
    labels: tuple[str, ...]
    unit: str
    of_categories: bool = False

    @property
    def palette(self) -> list[int]:
        """All colours of a map, as a palette of PNG."""
        return [part for colour in (*_FIXED, *self.colours) for part in colour]

    def indices(self, values: npt.NDArray[np.float32]) -> Indices:
        """Return the index of the colour of each value in the palette; that of nothing where there is none."""
        found = np.digitize(values, self.edges).astype(np.uint8) + FIRST
        found[np.isnan(values)] = NOTHING_INDEX
        return found


def _between(stops: list[Colour], count: int) -> tuple[Colour, ...]:
    """Return ``count`` colours at equal distances on the line through ``stops``."""
    places = np.linspace(0, len(stops) - 1, count)
    channels = [np.interp(places, np.arange(len(stops)), [stop[i] for stop in stops]) for i in range(3)]
    return tuple((round(r), round(g), round(b)) for r, g, b in zip(*channels, strict=True))


_HALF: Final = 8
"""Steps of half a degree to each side of zero, and one beyond."""
_EDGES: Final = tuple(step / 2 for step in range(-_HALF, _HALF + 1))

ANOMALIES: Final = Scale(
    _EDGES,
    (
        *_between([(16, 40, 110), (70, 130, 200), (222, 234, 244)], _HALF + 1),
        *_between([(250, 232, 216), (224, 128, 70), (112, 12, 24)], _HALF + 1),
    ),
    tuple(f"{edge:+g}" if edge == int(edge) and edge else "0" if not edge else "" for edge in _EDGES),
    "°C from usual",
)

CATEGORIES: Final = Scale(
    (0.5, 1.5, 2.5, 3.5),
    ((232, 238, 242), (250, 204, 92), (232, 122, 34), (168, 30, 40), (56, 8, 48)),
    ("none", "moderate", "strong", "severe", "extreme"),
    "most likely category",
    of_categories=True,
)

PROBABILITIES: Final = Scale(
    tuple(tenth / 10 for tenth in range(1, 10)),
    _between([(238, 242, 240), (160, 208, 180), (40, 130, 150), (30, 40, 100)], 10),
    tuple(f"{tenth * 10} %" if tenth % 2 == 0 else "" for tenth in range(1, 10)),
    "probability",
)
