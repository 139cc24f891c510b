"""``sst verify``: the forecasts in an archive, against later observations; recomputed here by plain pandas."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sst
from tests.scoring.archive.tables import append, files, growing, read, until
from tests.scoring.grids.sample import oisst, save, temperatures
from tests.scoring.tables.sample import station, walk


def verify(*arguments: object) -> int:
    return sst.run(["verify", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of six mornings, and all days as ``observations.csv``."""
    folder, table = tmp_path_factory.mktemp("verify"), growing()
    # The sixth morning falls into the next month.
    for day in (30, 40, 41, 42, 43, 44):
        assert append(until(table, day, folder / "in.csv"), folder / "archive.parquet", seas) == 0
    until(table, 45, folder / "observations.csv")
    return folder


def joined(folder: Path) -> pd.DataFrame:
    """Return the rows of the archive that have an observation."""
    observations = pd.read_csv(folder / "observations.csv", parse_dates=["time"])
    observations = observations.rename(columns={"sst": "observed"})[["station", "time", "observed"]]
    rows = read(folder / "archive.parquet")
    rows["time"] = rows["time"].dt.as_unit("s")
    observations["time"] = observations["time"].dt.as_unit("s")
    return rows.merge(observations, on=["station", "time"])


def scores_of(folder: Path, capsys: pytest.CaptureFixture[str], *options: object) -> pd.DataFrame:
    capsys.readouterr()
    assert verify(folder / "archive.parquet", folder / "observations.csv", "--format", "csv", *options) == 0
    path = folder / "scores.csv"
    path.write_text(capsys.readouterr().out)
    return pd.read_csv(path)


def crps(rows: pd.DataFrame) -> float:
    """Return the mean of twice the pinball loss over all probabilities, by the trapezoidal rule."""
    columns = {0.025: "lower_95", 0.1: "lower_80", 0.25: "lower_50", 0.5: "sst", 0.75: "upper_50", 0.9: "upper_80",
               0.975: "upper_95"}  # fmt: skip
    losses = [np.zeros(len(rows))]
    for probability, name in columns.items():
        beyond = (rows["observed"] - rows[name]).to_numpy()
        losses.append(2 * np.maximum(probability * beyond, (probability - 1) * beyond))
    losses.append(np.zeros(len(rows)))
    return float(np.trapezoid(np.stack(losses), [0, *columns, 1], axis=0).mean())


def test_scores_are_those_that_pandas_computes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores, rows = scores_of(folder, capsys), joined(folder)
    assert scores["lead"].unique().tolist() == [1, 2, 3]
    for lead, part in rows.groupby("lead"):
        errors = {"best": part["sst"] - part["observed"]}
        for name in ("persistence", "usual_change", "climatology", "damped", "linear"):
            errors[name] = part[f"baseline_{name}"] - part["observed"]
        assert scores.loc[scores["lead"] == lead, "model"].tolist() == list(errors)
        rmse = {name: np.sqrt((error**2).mean()) for name, error in errors.items()}
        for name, error in errors.items():
            (row,) = scores[(scores["lead"] == lead) & (scores["model"] == name)].to_dict("records")
            assert row["n"] == len(part)
            expected = [error.abs().mean(), rmse[name], error.mean()]
            np.testing.assert_allclose([row["mae"], row["rmse"], row["bias"]], expected, atol=1e-6)
        (best,) = scores[(scores["lead"] == lead) & (scores["kind"] == "issued")].to_dict("records")
        for name in list(errors)[1:]:
            assert best[f"skill_{name}"] == pytest.approx(1 - rmse["best"] / rmse[name], abs=1e-6)
        for level in (50, 80, 95):
            inside = part["observed"].between(part[f"lower_{level}"], part[f"upper_{level}"]).mean()
            assert best[f"coverage_{level}"] == pytest.approx(inside, abs=1e-6)
        assert best["crps"] == pytest.approx(crps(part), abs=1e-6)


def test_scores_are_chosen_by_lead_and_period_and_divided_by_month(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_month = scores_of(folder, capsys, "--by", "month", "--lead", 1)
    best = by_month[by_month["kind"] == "issued"]
    assert best[["lead", "month", "n"]].to_numpy().tolist() == [[1, "2023-01", 2], [1, "2023-02", 10]]
    part = scores_of(folder, capsys, "--from", "2023-02-09", "--to", "2023-02-10", "--lead", "1,3")
    assert part.loc[part["kind"] == "issued", ["lead", "n"]].to_numpy().tolist() == [[1, 4], [3, 4]]
    scores = scores_of(folder, capsys, "--from", "2023-01-31T00:00:01Z", "--lead", 1)
    assert scores.loc[scores["model"] == "best", "n"].tolist() == [10]


def test_a_table_names_models_beside_each_other_and_json_has_the_same_scores(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = scores_of(folder, capsys)
    assert verify(folder / "archive.parquet", folder / "observations.csv") == 0
    output = capsys.readouterr()
    title, heading, first, second, *_ = output.out.splitlines()
    assert title == "best, every day; °C"
    assert heading.split()[:6] == ["lead", "model", "n", "MAE", "RMSE", "bias"]
    assert first.split()[:3] == ["1", "best", "12"]
    assert second.split()[:2] == ["persistence", "12"]
    assert "30 of 36 forecasts verified, from 2 stations; 6 without an observation at their valid time" in output.err
    assert verify(folder / "archive.parquet", folder / "observations.csv", "--format", "json") == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    rows = [{"lead": lead["lead"], **model} for lead in group["leads"] for model in lead["models"]]
    for name in ("lead", "model", "n", "rmse"):
        assert [row[name] for row in rows] == scores[name].tolist()


def test_of_two_forecasts_from_the_same_last_observation_the_one_issued_last_counts(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, table = tmp_path / "archive.parquet", growing(1)
    assert append(until(table, 40, tmp_path / "in.csv"), archive, seas) == 0
    table["sst"] = table["sst"].where(table.index != 39, table["sst"] + 1)
    assert append(until(table, 40, tmp_path / "in.csv"), archive, seas, "--levels", "80") == 0
    # The order of issue decides, not that of the files.
    assert len(files(archive)) == 2
    until(table, 43, tmp_path / "observations.csv")

    def bias() -> float:
        scores = scores_of(tmp_path, capsys, "--lead", 2)
        return float(scores.loc[scores["model"] == "best", "bias"].item())

    first, last = read(archive).query("lead == 2")["sst"] - table["sst"][41]
    assert bias() == pytest.approx(last, abs=1e-6)
    # As if only the first had been issued in time.
    rewritten = pd.read_parquet(files(archive)[0]).assign(replayed=False)
    pq.write_table(pa.Table.from_pandas(rewritten, pq.read_schema(files(archive)[0]), False), files(archive)[0])
    assert bias() == pytest.approx(first, abs=1e-6)


def test_probabilities_of_events_are_compared_with_what_happened(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, table = tmp_path / "archive.parquet", growing()
    limit = float(table["sst"].median())
    events = tmp_path / "events.json"
    events.write_text(json.dumps([{"name": "Warm", "above": limit}, {"name": "cold", "below": limit}]))
    for day in (40, 41, 42):
        assert append(until(table, day, tmp_path / "in.csv"), archive, seas, "--events", events, "--paths", 50) == 0
    observations = until(table, 45, tmp_path / "observations.csv")
    capsys.readouterr()
    assert verify(archive, observations, "--format", "json") == 0
    scored = json.loads(capsys.readouterr().out)["groups"][0]["events"]
    assert [(event["event"], event["lead"]) for event in scored] == [
        (n, i) for n in ("cold", "warm") for i in (1, 2, 3)
    ]
    rows = joined(tmp_path)
    for event in scored:
        part = rows[rows["lead"] == event["lead"]]
        sign = 1 if event["event"] == "warm" else -1
        happened = sign * (part["observed"] - limit) > 0
        persisted = sign * (part["baseline_persistence"] - limit) > 0
        probability = part[f"event_{event['event']}_by_lead"]
        assert event["score"]["n"] == 6
        assert event["score"]["frequency"] == pytest.approx(happened.mean(), abs=1e-6)
        assert event["score"]["brier"] == pytest.approx(((probability - happened) ** 2).mean(), abs=1e-6)
        persistence = event["score"]["skill"]["persistence"]["brier"]
        assert persistence == pytest.approx((persisted ^ happened).mean(), abs=1e-6)
    assert verify(archive, observations, "--lead", 1) == 0
    *_, heading, _, warm = capsys.readouterr().out.splitlines()
    assert heading.split()[:5] == ["lead", "event", "n", "happened", "Brier"]
    assert warm.split()[:3] == ["1", "warm", "6"]


def damped(folder: Path) -> pd.DataFrame:
    """Return the damped anomalies of the archive as the forecasts of others."""
    rows = read(folder / "archive.parquet")
    table = pd.DataFrame({"station": rows["station"], "issued": rows["observed_until"], "valid_time": rows["time"]})
    return table.assign(sst=rows["baseline_damped"], lead=rows["lead"])


def kelvin(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="lead").assign(sst=table["sst"] + 273.15).rename(columns={"sst": "sst (K)"})


def leads_in_steps(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="valid_time").rename(columns={"issued": "init_time", "station": "id", "sst": "forecast"})


def leads_in_hours(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="valid_time").assign(lead=24 * table["lead"]).rename(columns={"lead": "lead (hours)"})


def by_valid_time(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="issued").rename(columns={"valid_time": "time"})


def hours_before_the_valid_time(table: pd.DataFrame) -> pd.DataFrame:
    return by_valid_time(table.assign(lead=24 * table["lead"]).rename(columns={"lead": "lead_hours"}))


def later_in_the_day(table: pd.DataFrame) -> pd.DataFrame:
    moved = {name: table[name] + pd.Timedelta(hours=h) for name, h in (("issued", 6), ("valid_time", 12))}
    return table.drop(columns="lead").assign(**moved).sample(frac=1, random_state=1)


def after_an_earlier_run(table: pd.DataFrame) -> pd.DataFrame:
    later = table.assign(issued=table["issued"] + pd.Timedelta(hours=12))
    return pd.concat([later, table.assign(sst=table["sst"] + 3)]).drop(columns="lead")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    "form",
    [
        kelvin,
        leads_in_steps,
        leads_in_hours,
        by_valid_time,
        hours_before_the_valid_time,
        later_in_the_day,
        after_an_earlier_run,
    ],
)
def test_forecasts_of_others_are_scored_beside_ours(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    form: Callable[[pd.DataFrame], pd.DataFrame],
    suffix: str,
) -> None:
    table = form(damped(folder))
    path = tmp_path / f"theirs.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path, index=False)
    assert_damped(scores_of(folder, capsys, "--other", path), scores_of(folder, capsys))


def assert_damped(scores: pd.DataFrame, alone: pd.DataFrame, name: str = "theirs") -> None:
    """Check that others have the scores of the damped anomalies which they are, and that ours are as without them."""
    columns = ["lead", "n", "mae", "rmse", "bias"]
    theirs, ours = (scores.loc[scores["model"] == model, columns].to_numpy() for model in (name, "damped"))
    np.testing.assert_allclose(theirs, ours, atol=2e-6)
    best = scores[scores["model"] == "best"]
    np.testing.assert_allclose(best[f"skill_{name}"], best["skill_damped"], atol=1e-5)
    same = scores[scores["model"] != name].drop(columns=f"skill_{name}").reset_index(drop=True)
    pd.testing.assert_frame_equal(same, alone)


def test_another_archive_is_a_table_of_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = scores_of(folder, capsys, "--other", f"same={folder / 'archive.parquet'}")
    ours, same = (scores.loc[scores["model"] == name, ["n", "rmse"]].to_numpy() for name in ("best", "same"))
    np.testing.assert_allclose(same, ours)
    assert scores.loc[scores["model"] == "best", "skill_same"].tolist() == [0, 0, 0]


def test_others_are_compared_where_both_have_a_forecast(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = damped(folder)
    table = table[(table["station"] == "S1") & (table["lead"] > 1)]
    table.to_csv(tmp_path / "theirs.csv", index=False)
    scores, rows = scores_of(folder, capsys, "--other", tmp_path / "theirs.csv"), joined(folder)
    theirs = scores[scores["model"] == "theirs"]
    assert theirs["lead"].tolist() == [2, 3]
    for lead, row in theirs.set_index("lead").iterrows():
        part = rows[(rows["lead"] == lead) & (rows["station"] == "S1")]
        error, ours = part["baseline_damped"] - part["observed"], part["sst"] - part["observed"]
        assert (row["n"], row["bias"]) == (len(part), pytest.approx(error.mean(), abs=1e-6))
        (best,) = scores[(scores["lead"] == lead) & (scores["model"] == "best")].to_dict("records")
        assert best["n"] == 2 * len(part)
        skill = 1 - np.sqrt((ours**2).mean() / (error**2).mean())
        assert best["skill_theirs"] == pytest.approx(skill, abs=1e-5)


def without_reference(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=["issued", "lead"])


def of_another_month(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="valid_time").assign(issued=table["issued"] + pd.Timedelta(days=60))


def of_another_station(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(station="buoy")


def of_hours(table: pd.DataFrame) -> pd.DataFrame:
    later = table.assign(valid_time=table["valid_time"] + pd.Timedelta(hours=6))
    return pd.concat([table, later]).drop(columns="lead")


def without_numbers(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(sst="warm")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without_reference, "it needs two of the columns reference_time (or issued, init_time), valid_time (or time)"),
        (of_another_month, "1 to 3 steps of one day ahead, for S0, S1, but ours are from 2023-01-30T00:00:00Z to"),
        (of_another_station, "ahead, for buoy, but ours are"),
        (of_hours, "station S0 has several forecasts from 2023-01-30T00:00:00Z within one day"),
        (without_numbers, "is not a number"),
    ],
)
def test_others_that_cannot_be_compared_are_refused(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[pd.DataFrame], pd.DataFrame],
    sentence: str,
) -> None:
    path = tmp_path / "theirs.csv"
    change(damped(folder)).to_csv(path, index=False)
    capsys.readouterr()
    assert verify(folder / "archive.parquet", folder / "observations.csv", "--other", path) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.splitlines()[-1].startswith(f"sst verify: {path}: ")


def test_observations_that_do_not_fit_are_explained_with_status_3(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, table = folder / "archive.parquet", growing()
    hourly = pd.concat([station(f"S{i}", walk(24 * 60), "h") for i in range(2)])
    hourly.to_csv(tmp_path / "hourly.csv", index=False)
    others = until(table.assign(station="other"), 1, tmp_path / "others.csv")
    cases: list[tuple[Path, list[object], str]] = [
        (until(table, 30, tmp_path / "early.csv"), [], "the observations have no value at the valid time of"),
        (tmp_path / "hourly.csv", [], "every hour, but forecasts every day; average them with --resample day"),
        (others, [], "the forecasts are for S0, S1, but the observations are for other; the names must be the same"),
        (folder / "observations.csv", ["--from", "2024-01-01"], "has no forecasts from this period; their last"),
    ]  # fmt: skip
    for observations, options, reason in cases:
        assert verify(archive, observations, *options) == 3
        errors = capsys.readouterr().err
        assert reason in errors
        assert errors.splitlines()[-1].startswith("sst verify: nothing could be verified: ")
    assert verify(archive, tmp_path / "hourly.csv", "--resample", "day") == 0


def test_input_that_cannot_be_read_is_refused_with_status_2(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, observations = folder / "archive.parquet", folder / "observations.csv"
    damaged = tmp_path / "damaged.parquet" / "issued_month=2026-01"
    damaged.mkdir(parents=True)
    (damaged / "x.parquet").write_bytes(b"PAR1 no more")
    cases: list[tuple[list[object], str]] = [
        (
            [tmp_path / "absent.parquet", observations],
            "is not an archive; create one with 'sst score INPUT --append ARCHIVE'",
        ),
        ([damaged.parent, observations], "x.parquet: cannot read it"),
        ([archive, tmp_path / "absent.csv"], "absent.csv: no such file"),
        (
            [archive, save(oisst(temperatures()), tmp_path / "in.nc")],
            "is a grid; name tables with the observations of stations",
        ),
        ([archive, observations, "--lead", 9], "--lead: "),
        ([archive, observations, "--from", "spring"], "--from spring: "),
    ]
    for arguments, reason in cases:
        assert verify(*arguments) == 2, arguments
        errors = capsys.readouterr().err
        assert reason in errors
        assert errors.count("\n") == 1
