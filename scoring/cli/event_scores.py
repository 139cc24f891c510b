"""Scores of the probabilities of events as a table to read."""

from collections.abc import Sequence

from forecasting.scores.events import BIN_EDGES, PERSISTENCE
from scoring.archive.verification import EventVerification
from scoring.cli.columns import aligned


def event_table(events: Sequence[EventVerification]) -> str:
    """Return a line for each lead of each event; its last columns are the reliability table.

    ``3/45`` below ``10-30 %``: of 45 probabilities from 10 to 30 %, 3 came true.
    """
    bins = [
        (BIN_EDGES[i], f"{100 * BIN_EDGES[i]:.0f}-{100 * BIN_EDGES[i + 1]:.0f} %") for i in range(len(BIN_EDGES) - 1)
    ]
    lines = [["lead", "event", "n", "happened", "Brier", f"vs {PERSISTENCE}", *(title for _, title in bins)]]
    for event in events:
        score = event.score
        skill = score.skill[PERSISTENCE].value
        cells = {part.minimum: f"{round(part.frequency * part.n)}/{part.n}" for part in score.reliability}
        lines.append(
            [
                str(event.lead),
                event.event if event.level is None else f"{event.event}, {event.level}",
                str(score.n),
                f"{100 * score.frequency:.0f} %",
                f"{score.brier:.3f}",
                "" if skill is None else f"{skill:.3f}",
                *(cells.get(minimum, "") for minimum, _ in bins),
            ]
        )
    return aligned(lines, {"event"})
