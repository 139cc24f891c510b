"""``sst verify`` of marine heatwaves and heat stress: the forecasts of each day, against the later readings."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sst
from tests.scoring.archive.tables import append, files, read, until
from tests.scoring.heatwaves import HEATWAVE, events_file, with_departure
from tests.scoring.tables.sample import station


def test_heatwaves_are_scored_once_the_days_that_decide_them_have_passed(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Its last nine days are 3 °C too warm; the three mornings are those after the second to the fourth of them.
    table = station("buoy", with_departure(9, 3.0), position=None)
    archive, days = tmp_path / "archive.parquet", len(table)
    options = ("--events", events_file(tmp_path, HEATWAVE), "--paths", 50)
    for left in (7, 6, 5):
        assert append(until(table, days - left, tmp_path / "in.csv"), archive, seas, *options) == 0
    capsys.readouterr()
    arguments = [str(archive), str(until(table, days, tmp_path / "observations.csv")), "--format", "json"]
    assert sst.run(["verify", *arguments]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    rows = read(archive)
    assert [(event["event"], event["lead"]) for event in group["events"]] == [("heatwave", lead) for lead in (1, 2, 3)]
    for event in group["events"]:
        probability = rows.loc[rows["lead"] == event["lead"], "event_heatwave_probability"].to_numpy()
        score = event["score"]
        assert (score["n"], score["frequency"]) == (3, 1.0)
        assert score["brier"] == pytest.approx(np.mean((probability - 1) ** 2), abs=1e-6)
        # None of the three mornings had seen five warm days yet.
        assert score["skill"]["persistence"]["brier"] == 1.0


MMM = 14.0


def heat_stress(values: np.ndarray[Any, Any], day: int) -> tuple[bool, bool]:
    """Return whether a day has a warning or worse, and alert level 1 or worse, as Coral Reef Watch defines them."""
    hotspots = values[day - 83 : day + 1] - MMM
    weeks = hotspots[hotspots >= 1].sum() / 7
    is_hot = bool(hotspots[-1] >= 1)
    return is_hot, is_hot and weeks >= 4


def test_heat_stress_is_scored_at_the_levels_of_the_service(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = with_departure(60, 3.0)
    table, days = station("reef", values, position=None), len(values)
    archive = tmp_path / "archive.parquet"
    events = {"name": "bleaching", "kind": "degree_heating_weeks", "mmm": MMM}
    options = ("--events", events_file(tmp_path, events), "--paths", 50)
    seen = [days - left for left in (57, 40, 10)]
    for day in seen:
        assert append(until(table, day, tmp_path / "in.csv"), archive, seas, *options) == 0
    capsys.readouterr()
    arguments = [str(archive), str(until(table, days, tmp_path / "observations.csv"))]
    assert sst.run(["verify", *arguments, "--format", "json"]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    levels = {"Warning": "probability_warning", "Alert Level 1": "probability_alert_1"}
    assert [(event["level"], event["lead"]) for event in group["events"]] == list(product(levels, (1, 2, 3)))
    rows = read(archive)
    for event in group["events"]:
        place, at = [*levels].index(event["level"]), rows["lead"] == event["lead"]
        happened = np.array([heat_stress(values, day + event["lead"] - 1)[place] for day in seen])
        before = np.array([heat_stress(values, day - 1)[place] for day in seen])
        probability = rows.loc[at, f"event_bleaching_{levels[event['level']]}"].to_numpy()
        score = event["score"]
        assert (score["n"], score["frequency"]) == (3, pytest.approx(happened.mean(), abs=1e-6))
        assert score["brier"] == pytest.approx(((probability - happened) ** 2).mean(), abs=1e-6)
        assert score["skill"]["persistence"]["brier"] == pytest.approx((before != happened).mean(), abs=1e-6)
    assert sst.run(["verify", *arguments]) == 0
    assert "bleaching, Alert Level 1" in capsys.readouterr().out


def test_heat_stress_of_an_older_archive_is_reported_as_not_verified(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = with_departure(60, 3.0)
    table, archive = station("reef", values, position=None), tmp_path / "archive.parquet"
    events = {"name": "bleaching", "kind": "degree_heating_weeks", "mmm": MMM}
    options = ("--events", events_file(tmp_path, events), "--paths", 50)
    assert append(until(table, len(values) - 10, tmp_path / "in.csv"), archive, seas, *options) == 0
    (file,) = files(archive)
    rows = pd.read_parquet(file)
    rows.drop(columns=["event_bleaching_probability_warning", "event_bleaching_probability_alert_1"]).to_parquet(file)
    capsys.readouterr()
    arguments = [str(archive), str(until(table, len(values), tmp_path / "observations.csv"))]
    assert sst.run(["verify", *arguments]) == 0
    shown = capsys.readouterr()
    assert "bleaching: degree heating weeks are verified by the probabilities of their alert levels" in shown.err
    assert "bleaching" not in shown.out


def test_days_that_are_not_decided_yet_are_not_scored(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = station("buoy", with_departure(9, 3.0), position=None)
    archive, days = tmp_path / "archive.parquet", len(table)
    options = ("--events", events_file(tmp_path, HEATWAVE), "--paths", 50)
    assert append(until(table, days - 7, tmp_path / "in.csv"), archive, seas, *options) == 0
    capsys.readouterr()
    arguments = [str(archive), str(until(table, days - 6, tmp_path / "observations.csv")), "--format", "json"]
    assert sst.run(["verify", *arguments]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert group["events"] == []
    assert pd.DataFrame(group["leads"])["n"].tolist() == [1]
