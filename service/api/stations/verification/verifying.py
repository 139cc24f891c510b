"""Writes how good the forecasts of a station were, as JSON or CSV."""

import csv
import io
from collections.abc import Iterator
from typing import Final, Literal

from sqlalchemy import Connection

from forecasting.scores.threshold_events import PERSISTENCE
from forecasting.scores.verification import LeadVerification, ModelVerification
from service.api.compare.schemas import ReliabilityBin
from service.api.stations.verification.verification_schemas import (
    IntervalShares,
    StationVerification,
    VerifiedBaseline,
    VerifiedEvent,
    VerifiedForecasts,
    VerifiedLead,
    VerifiedMonth,
)
from service.stations.record.event_record import EventLead
from service.stations.record.verification import LeadScores, Selection, verify

Cell = str | float | None

_ERRORS: Final = ("mae", "rmse", "bias")
_EVENT_COLUMNS: Final = ("event", "kind", "level", "lead", "n", "frequency", "brier", "skill_persistence")
_BIN_COLUMNS: Final = (
    "minimum", "maximum", "forecasts", "happened", "probability", "share", "lower", "upper",
)  # fmt: skip


Form = Literal["json", "csv", "events_csv"]
"""JSON, or a table of the scores of forecasts or of events."""


def verification(connection: Connection, station: str, selection: Selection, form: Form, *, by_month: bool) -> str:
    """Return the verification of a station as JSON or CSV.

    Raises:
        UnknownStationError: if there is no such station.
        RequestError: if there are too many forecasts for one answer.
    """
    scores = verify(connection, station, selection, by_month=by_month)
    answer = StationVerification(
        station=scores.station.id,
        units=scores.station.settings.units,
        leads=[*map(_lead, scores.leads)],
        events=[*map(_event, scores.events)],
    )
    if form == "json":
        return answer.model_dump_json()
    return _csv(answer) if form == "csv" else _events_csv(answer)


def _lead(scores: LeadScores) -> VerifiedLead:
    return VerifiedLead(
        lead=scores.overall.lead,
        n=scores.overall.n,
        replayed=scores.replayed,
        models=_models(scores.overall),
        months=[
            VerifiedMonth(month=month, n=verified.n, models=_models(verified))
            for month, verified in scores.months.items()
        ],
    )


def _event(event: EventLead) -> VerifiedEvent:
    known = {"name": event.event, "kind": event.kind, "level": event.level, "lead": event.lead}
    return VerifiedEvent.model_validate(known | event.score.model_dump())


def _models(verified: LeadVerification) -> list[VerifiedForecasts | VerifiedBaseline]:
    return [_issued(model) if model.kind == "issued" else _baseline(model) for model in verified.models]


def _issued(model: ModelVerification) -> VerifiedForecasts:
    return VerifiedForecasts(
        model=model.model,
        kind="issued",
        mae=model.mae,
        rmse=model.rmse,
        bias=model.bias,
        skill=model.skill,
        crps=model.crps,
        coverage={level: IntervalShares(**shares) for level, shares in model.coverage.items()},
    )


def _baseline(model: ModelVerification) -> VerifiedBaseline:
    return VerifiedBaseline(model=model.model, kind="baseline", mae=model.mae, rmse=model.rmse, bias=model.bias)


def _csv(answer: StationVerification) -> str:
    """Return a row for each lead, month and model. The month is empty in rows about all of them."""
    rows = [*_rows(answer)]
    columns = dict.fromkeys(["lead", "month", "n", "model", "kind", *_ERRORS, *(name for row in rows for name in row)])
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _events_csv(answer: StationVerification) -> str:
    """Return a row for each event, lead and bin of probabilities: what was said, and how often it happened."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_EVENT_COLUMNS, *_BIN_COLUMNS])
    for event in answer.events:
        skill = event.skill[PERSISTENCE].value
        shared = [event.name, event.kind, event.level, event.lead, event.n, event.frequency, event.brier, skill]
        for part in event.reliability:
            happened = round(part.frequency * part.n)
            writer.writerow([*shared, part.minimum, part.maximum, part.n, happened, *_frequencies(part)])
    return text.getvalue()


def _frequencies(part: ReliabilityBin) -> tuple[float, ...]:
    return part.probability, part.frequency, part.lower, part.upper


def _rows(answer: StationVerification) -> Iterator[dict[str, Cell]]:
    for lead in answer.leads:
        parts: list[tuple[str, VerifiedLead | VerifiedMonth]] = [("", lead)]
        parts += [(month.month, month) for month in lead.months]
        for month, part in parts:
            for model in part.models:
                row: dict[str, Cell] = {"lead": lead.lead, "month": month, "n": part.n}
                yield row | {"model": model.model, "kind": model.kind} | _scores(model)


def _scores(model: VerifiedForecasts | VerifiedBaseline) -> dict[str, Cell]:
    scores: dict[str, Cell] = {name: getattr(model, name) for name in _ERRORS}
    if isinstance(model, VerifiedForecasts):
        scores |= {f"skill_{name}": value for name, value in model.skill.items()} | {"crps": model.crps}
        for level, shares in model.coverage.items():
            scores |= {f"coverage_{level}_plain": shares.plain, f"coverage_{level}_recalibrated": shares.recalibrated}
    return scores
