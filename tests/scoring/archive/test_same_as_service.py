"""``sst verify`` and ``GET /stations/{id}/verification`` give the same figures for the same forecasts and readings."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import make_url

import sst
from forecasting.references.baselines import REFERENCE_COLUMNS
from forecasting.series.times import iso_of
from service.plugins.stations.store.database import Database
from service.plugins.stations.store.forecasts import IssuedForecast, add_forecasts
from service.plugins.stations.store.stations import StationSettings, get_station, put_station
from service.plugins.stations.verification import Selection, verify
from tests.scoring.archive.tables import append, growing, read, until
from tests.service.plugins.stations.conftest import observe

Json = dict[str, Any]


def issued_forecast(station: int, batch: int, rows: pd.DataFrame) -> IssuedForecast:
    """Return the rows of one forecast of an archive as the service stores it."""
    last = rows.iloc[0]

    def values(name: str) -> list[float]:
        return [*map(float, rows[name])]

    levels = [int(name.removeprefix("lower_")) for name in rows.columns if name.startswith("lower_")]
    warm = {"name": "warm", "by_lead": values("event_warm_by_lead"), "threshold": values("event_warm_threshold")}
    content = {
        "timestamps": [iso_of(int(time.timestamp())) for time in rows["time"]],
        "sst": values("sst"),
        "intervals": [
            {"level": level, "lower": values(f"lower_{level}"), "upper": values(f"upper_{level}")} for level in levels
        ],
        "baselines": {
            name: values(f"baseline_{name}") for name in REFERENCE_COLUMNS if rows[f"baseline_{name}"].notna().all()
        },
        "warnings": [],
        "events": [{**warm, "side": "above", "kind": "threshold"}],
    }
    until = int(last["observed_until"].timestamp())
    return IssuedForecast(station, batch, until, until, bool(last["replayed"]), last["model"], "1", content)


def scored_by_service(archive: Path, readings: dict[int, float], store: Path) -> Json:
    database = Database(make_url(f"sqlite:///{store}"))
    with database.writing() as connection:
        put_station(connection, "S0", StationSettings("day"), 0)
        number = get_station(connection, "S0").number
        forecasts = read(archive).groupby("observed_until")
        add_forecasts(connection, [issued_forecast(number, i, rows) for i, (_, rows) in enumerate(forecasts)])
        observe(connection, number, readings)
        scores = verify(connection, "S0", Selection()).model_dump(mode="json")
    database.close()
    return scores


def test_both_score_the_same_pairs_in_the_same_way(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, table = tmp_path / "archive.parquet", growing(1)
    (tmp_path / "events.json").write_text(json.dumps([{"name": "warm", "above": float(table["sst"].median())}]))
    options = ("--events", tmp_path / "events.json", "--paths", 50)
    for day in (36, 40, 41, 42, 43):
        assert append(until(table, day, tmp_path / "in.csv"), archive, seas, *options) == 0
    # A day without a value, and times that are slightly late.
    days = table[:46].drop(index=41)
    seconds = (pd.to_datetime(days["time"]) + pd.Timedelta(hours=1)).map(pd.Timestamp.timestamp)
    readings = dict(zip(map(int, seconds), days["sst"].tolist(), strict=True))
    days.assign(time=[*map(iso_of, readings)]).to_csv(tmp_path / "observations.csv", index=False)
    service = scored_by_service(archive, readings, tmp_path / "sst.db")
    capsys.readouterr()
    arguments = [str(archive), str(tmp_path / "observations.csv"), "--format", "json"]
    assert sst.run(["verify", *arguments]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert [lead["n"] for lead in group["leads"]] == [4, 4, 5]
    for scored, lead in zip(service["leads"], group["leads"], strict=True):
        coverage = lead["models"][0]["coverage"]
        lead["models"][0]["coverage"] = {
            level: {"plain": shares["issued"], "recalibrated": shares["issued"]} for level, shares in coverage.items()
        }
        for ours, theirs in zip(scored["models"], lead["models"], strict=True):
            assert ours == {name: theirs[name] for name in ours}
        assert (scored["lead"], scored["n"]) == (lead["lead"], lead["n"])
    for event, theirs in zip(service["events"], group["events"], strict=True):
        assert {name: event[name] for name in theirs["score"]} == theirs["score"]
