"""``python -m research.studies.own_events FILE[@LAT,LON] …``: skill for events that ``POST /compare`` finds.

The event is three consecutive days above the 90th percentile of the day of the year, within ten. Each file holds daily
series. Percentiles and references are what was known at each origin.
"""

from collections.abc import Generator
from typing import Final

import torch

from forecasting.backtest.backtest import Backtest
from forecasting.backtest.universal import rolling_universal
from forecasting.errors import SeriesError
from forecasting.evaluation.events import EventCases, RequestedEvents
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.models.base import ALL, BEST
from forecasting.models.universal.release import UniversalRelease
from forecasting.releases.catalog import load_universal
from forecasting.scores.events import EventScore
from research.studies.daily_places import Place, add_daily_places, places_in
from research.studies.options import study_parser

_EVENT: Final = ThresholdEvent("event", "above", Percentile(90.0), duration=3, within=10)
_REFERENCES: Final = ("climatology", "persistence", "independent")


def main() -> None:
    """Print Brier scores by place and network, and reliability tables."""
    parser = study_parser(__doc__)
    add_daily_places(parser)
    parser.add_argument("--last", type=int, metavar="DAYS", help="of each series; all if not given")
    parser.add_argument("--model", default=ALL, help="default: %(default)s")
    options = parser.parse_args()
    torch.set_num_threads(1)
    release = load_universal("ocean-daily", options.artifacts)
    print(f"| place | network | n | happened | said | Brier | {' | '.join(f'under {r}' for r in _REFERENCES)} |")
    print("|---" * (6 + len(_REFERENCES)) + "|")
    tables: list[str] = []
    for place in places_in(options):
        verified = _verified(release, options.model, place, options.last)
        if verified is None:
            continue
        for cell, probability in verified.probability.items():
            score = verified.score_network(cell)
            print(_row(place.name, cell, score, float(probability.mean())), flush=True)
            tables += _reliability(place.name, cell, score)
    print("\n".join(["", "| place | network | said | n | mean said | happened | 95 % |", "|---" * 7 + "|", *tables]))


def _verified(release: UniversalRelease, model: str, place: Place, last: int | None) -> EventCases | None:
    """Return the verification of the event on a series; None if it is too short for a baseline."""
    series = place.series.part(max(0, len(place.series) - (last or len(place.series))), len(place.series))
    cells = [release.best_on_held_out] if model == BEST else [model]
    asked = RequestedEvents([_EVENT])
    try:
        backtest = _finish(rolling_universal(release, cells, series, place.coefficients, 1, asked))
    except SeriesError:
        return None
    verified = backtest.events["event"]
    return verified if isinstance(verified, EventCases) else None


def _finish(rolling: Generator[None, None, Backtest]) -> Backtest:
    while True:
        try:
            next(rolling)
        except StopIteration as stop:
            backtest: Backtest = stop.value
            return backtest


def _row(name: str, cell: str, score: EventScore, probability: float) -> str:
    skills = []
    for reference in _REFERENCES:
        skill = score.skill.get(reference)
        value, lower, upper = (skill.value, skill.lower, skill.upper) if skill else (None, None, None)
        percent = [f"{100 * number:.0f}" if number is not None else "–" for number in (value, lower, upper)]
        skills.append(f"{percent[0]} % [{percent[1]}, {percent[2]}]" if skill else "–")
    return (
        f"| {name} | {cell} | {score.n} | {score.frequency:.3f} | {probability:.3f} | {score.brier:.4f} | "
        f"{' | '.join(skills)} |"
    )


def _reliability(name: str, cell: str, score: EventScore) -> list[str]:
    return [
        f"| {name} | {cell} | {row.minimum:.1f}–{row.maximum:.1f} | {row.n} | {row.probability:.3f} | "
        f"{row.frequency:.3f} | {row.lower:.2f}–{row.upper:.2f} |"
        for row in score.reliability
    ]


if __name__ == "__main__":
    main()
