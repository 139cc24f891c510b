"""``sst verify`` of marine heatwaves: what was said of each day, against the days that came."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scoring.cli.verify_arguments import verify_parser
from scoring.cli.verifying import main
from tests.scoring.archive.tables import append, read, until
from tests.scoring.heatwaves import HEATWAVE, events_file, with_departure
from tests.scoring.tables import station


def test_heatwaves_are_scored_once_the_days_that_decide_on_them_have_come(
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
    assert main(verify_parser().parse_args(arguments)) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    rows = read(archive)
    assert [(event["event"], event["lead"]) for event in group["events"]] == [("heatwave", lead) for lead in (1, 2, 3)]
    for event in group["events"]:
        said = rows.loc[rows["lead"] == event["lead"], "event_heatwave_probability"].to_numpy()
        score = event["score"]
        assert (score["n"], score["frequency"]) == (3, 1.0)
        assert score["brier"] == pytest.approx(np.mean((said - 1) ** 2), abs=1e-6)
        # None of the three mornings had seen five warm days yet.
        assert score["skill"]["persistence"]["brier"] == 1.0


def test_days_that_are_not_decided_yet_are_not_scored(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = station("buoy", with_departure(9, 3.0), position=None)
    archive, days = tmp_path / "archive.parquet", len(table)
    options = ("--events", events_file(tmp_path, HEATWAVE), "--paths", 50)
    assert append(until(table, days - 7, tmp_path / "in.csv"), archive, seas, *options) == 0
    capsys.readouterr()
    arguments = [str(archive), str(until(table, days - 6, tmp_path / "observations.csv")), "--format", "json"]
    assert main(verify_parser().parse_args(arguments)) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert group["events"] == []
    assert pd.DataFrame(group["leads"])["n"].tolist() == [1]
