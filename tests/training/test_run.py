import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.errors import ReleaseError, RequestError
from forecasting.evaluation.report import TITLES, Coverage, ModelReport, accuracy_table
from forecasting.models.checkpoint import CPU
from forecasting.models.metadata import digest
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.place.network import NetworkRoller
from forecasting.references.baselines import Baselines
from forecasting.releases.catalog import Catalog
from forecasting.releases.release import PlaceRelease, Release, current_version
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import MONTH
from service.settings import Settings
from tests.conftest import NINO12, daily
from tests.serving import serve
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.fit.fit_data import FitData
from training.fit.fitting import fit
from training.publish.card import coverage_text, describe_coverage, describe_rank
from training.publish.release import seal
from training.run import Destination, Published, train

FILES = {
    *("rnn.pt", "lstm.pt", "gru.pt", "rnn.json", "lstm.json", "gru.json"),
    *("report.json", "baselines.json", "predictions.csv", "recent.csv", "comparison.png", "comparison.svg"),
    *("report.md", "MODEL_CARD.md"),
    *("evaluated/rnn.pt", "evaluated/lstm.pt", "evaluated/gru.pt", "evaluated/baselines.json"),
    "evaluated/series.csv",
}


def evaluated(published: Published) -> dict[str, Forecaster]:
    """Return the networks that the accuracy of a release was measured on."""
    return PlaceRelease.open(published.path).load_evaluated()[0]


def test_a_release_contains_every_file(published: Published) -> None:
    there = {str(path.relative_to(published.path)) for path in published.path.rglob("*") if path.is_file()}
    assert there == FILES | {"manifest.json"}
    assert set(Release.open(published.path).manifest.files) == FILES
    assert current_version(published.path.parent) == published.path.name


def test_the_report_describes_the_data_and_the_training(published: Published) -> None:
    report = published.report
    assert report.data_sha256 == digest(NINO12.read_bytes())
    assert [model.name for model in report.networks] == ["rnn", "lstm", "gru"]
    assert [model.name for model in report.baselines] == ["persistence", "climatology", "damped", "linear"]
    for model in report.networks:
        assert model.loss is not None
        assert len(model.loss.train) == len(model.loss.validation) == 2
        assert model.coverage is not None
        assert set(model.coverage) >= {80, 95}
    for model in report.models:
        assert {split: accuracy.n[0] for split, accuracy in model.accuracy.items()} == {
            "train": 488,
            "validation": 73,
            "test": 147,
        }
    assert report.configuration["hidden"] == 4


@pytest.mark.long
def test_a_reference_that_can_only_be_evaluated_on_the_test_part_appears_everywhere(
    nino12: SstSeries, tmp_path: Path
) -> None:
    config = TrainingConfig.for_step(MONTH, cells=("gru",), epochs=1, hidden=4)
    short = Dataset.divide(nino12.part(0, 167), config)
    done = train(short, NINO12, Destination("short", tmp_path), config)
    (linear,) = (model for model in done.report.models if model.name == "linear")
    assert set(linear.accuracy) == {"train", "test"}
    row = f"| linear autoregression      | {linear.accuracy['test'].mae[0]:.4f} |"
    assert row in accuracy_table(done.report)
    assert all(row in (done.path / name).read_text() for name in ("report.md", "MODEL_CARD.md"))
    with serve(Settings(artifacts=tmp_path, default_dataset="short")) as client:
        compared = client.get("/compare").json()
        assert compared["models"][-1]["model"] == "linear"
        assert compared["models"][-1]["rmse"] == linear.accuracy["test"].rmse[0]
        assert "linear" in compared["models"][0]["skill"]
        client.get("/models/short-gru").raise_for_status()
        assert "linear autoregression" in client.get("/models/short-gru/card").text


def test_the_report_has_skill_against_every_reference_with_its_uncertainty(published: Published) -> None:
    report = published.report
    for model in report.networks:
        assert list(model.skill) == ["persistence", "climatology", "damped", "linear"]
        for name, skill in model.skill.items():
            assert len(skill.value) == report.horizon
            assert skill.value[0] == pytest.approx(report.skill(model, 1)[name], abs=1e-5)
            for value, low, high in zip(skill.value, skill.lower, skill.upper, strict=True):
                assert value is not None
                assert low is not None
                assert high is not None
                assert low <= value <= high
        assert min(p for skill in model.skill.values() if (p := skill.p_value[0]) is not None) < 0.001


def test_coverage_and_probabilities_are_those_of_an_independent_count(
    published: Published, nino12: SstSeries, small: TrainingConfig
) -> None:
    test = Dataset.divide(nino12, small).origins("test")
    for cell, forecaster in evaluated(published).items():
        model = next(model for model in published.report.networks if model.name == cell)
        off = np.abs(forecaster.roll(test.windows, test.valid_time, 12) - test.targets)[:, 0]
        known = np.isfinite(off)
        months = test.valid_time[known].astype("datetime64[M]").astype(int) % 12
        season = np.asarray(["DJF", "MAM", "JJA", "SON"])[(months + 1) % 12 // 3]
        widths = {name: table.half_width[80][0] for name, table in forecaster.metadata.errors.seasons.items()}
        inside = off[known] <= np.asarray([widths[name] for name in season])
        intervals = model.intervals[80]
        assert intervals.coverage.share[0] == pytest.approx(inside.mean(), abs=1e-6)
        assert intervals.seasons["JJA"].share[0] == pytest.approx(inside[(months >= 5) & (months <= 7)].mean())
        assert sum(season.n[0] for season in intervals.seasons.values()) == 147
        assert model.crps is not None
        assert 0 < model.crps[0] < model.accuracy["test"].mae[0]
        assert all(scores.brier[0] < scores.climatology[0] < 0.25 for scores in model.exceedance)


def test_the_card_and_the_readable_report_agree_with_the_report(published: Published) -> None:
    report, best = published.report, published.report.best
    card = (published.path / "MODEL_CARD.md").read_text()
    assert f"sha256 `{report.data_sha256}`" in card
    assert "1998-10-01T00:00:00Z to 2010-12-01T00:00:00Z, 147 steps" in card
    parts = [line for line in card.splitlines() if line.startswith(("- train: ", "- validation: ", "- test: "))]
    assert ["calibration" in line for line in parts] == [True, True, True]
    assert "weights that are served" in parts[2]
    assert f"{best.accuracy['test'].rmse[0]:.4f}" in card
    covered = best.intervals[80].coverage
    assert f"- 80 %: {100 * covered.share[0]:.1f} ± {100 * covered.error[0]:.1f} one step ahead" in card
    misses = covered.misses(80)
    (sentence,) = [line for line in card.splitlines() if line.startswith("- 80 %: ") and "two standard errors" in line]
    assert (f"at {len(misses)} of 12 leads" if misses else "at every lead") in sentence
    for section in ("Training data", "Intended use", "Out of scope", "Accuracy", "Coverage", "Drift"):
        assert f"\n## {section}\n" in card
    readable = (published.path / "report.md").read_text()
    for lead in (1, 6, 12):
        rmse = next(model for model in report.baselines if model.name == "damped").accuracy["test"].rmse[lead - 1]
        assert f"| {rmse:.4f} |" in readable
    for lead in (1, 12):
        words = coverage_text(covered, lead)
        assert (f" **{words}** |" if lead in misses else f" {words} |") in readable


def test_leads_at_which_a_reference_is_better_are_named(published: Published) -> None:
    report = published.report
    linear = next(model for model in report.baselines if model.name == "linear")

    others = tuple(model for model in report.networks if model != report.best)

    def with_best(rmse: tuple[float, ...], others: tuple[ModelReport, ...] = others) -> str:
        accuracy = report.best.accuracy["test"].model_copy(update={"rmse": rmse})
        best = report.best.model_copy(update={"accuracy": report.best.accuracy | {"test": accuracy}})
        return describe_rank(report.model_copy(update={"models": (best, *others, linear)}))

    reference = linear.accuracy["test"].rmse
    name = TITLES[report.best.name]
    assert with_best(reference) == f"{name}, chosen on the validation part, is not behind any reference at any lead."
    assert with_best(reference, ()) == f"{name} is not behind any reference at any lead."
    ratios = (1.0, 1.02, 0.9, 1.1, 1.05, *[0.99] * 7)
    assert with_best(tuple(a * b for a, b in zip(ratios, reference, strict=True))) == (
        f"{name}, chosen on the validation part, is behind a reference at 3 of 12 leads (2, 4 to 5); "
        "the largest gap is to linear autoregression (10.0 % at lead 4)."
    )


def test_coverage_is_as_stated_within_three_points_or_two_standard_errors() -> None:
    coverage = Coverage(
        n=(100,) * 6, share=(0.83, 0.84, 0.84, 0.76, 0.9, 0.9), error=(0.01, 0.01, 0.02, 0.01, 0.04, 0.06)
    )
    assert coverage.misses(80) == (2, 4, 5)
    assert describe_coverage(coverage, 80) == (
        "80 %: off by more than 3 points and two standard errors at 3 of 6 leads (2, 4 to 5), by -4.0 to +10.0 points."
    )
    assert describe_coverage(Coverage(n=(9, 9), share=(0.8, 0.932), error=(0.0, 0.0)), 80) == (
        "80 %: off by more than 3 points and two standard errors at 1 of 2 leads (2), by +13.2 points."
    )
    assert describe_coverage(Coverage(n=(9,), share=(0.95,), error=(0.0,)), 95) == (
        "95 %: within 3 points or two standard errors at every lead."
    )


def test_drift_measures_how_far_the_test_part_lies_outside_the_training_data(tmp_path: Path) -> None:
    """The sea warms by half a degree a year."""
    days = np.arange(900)
    noise = np.random.default_rng(0).normal(0, 0.2, 900)
    series = daily(15 + 3 * np.cos(days * 2 * np.pi / 365.25) + days / 730 + noise)
    config = TrainingConfig.for_step(series.step, cells=("rnn",), epochs=1, hidden=2, horizon=2)
    drift = train(Dataset.divide(series, config), NINO12, Destination("warm", tmp_path), config).report.drift
    assert drift is not None
    assert drift.maximum == pytest.approx(series.values[:720].max(), abs=1e-6)
    assert drift.above == pytest.approx((series.values[720:] > drift.maximum).mean(), abs=1e-6)
    assert drift.anomaly > 0.05


def test_the_spread_over_seeds_starts_with_the_published_one(published: Published) -> None:
    for model in published.report.networks:
        spread = published.report.seeds[model.name]
        assert spread.seeds == (0, 1)
        assert spread.rmse[0] == pytest.approx(model.accuracy["test"].rmse[0], abs=1e-5)
        assert spread.mean == pytest.approx(np.mean(spread.rmse), abs=1e-5)
        assert spread.std == pytest.approx(np.std(spread.rmse, ddof=1), abs=1e-5)


def test_published_accuracy_is_that_of_the_weights_that_have_not_seen_the_test_part(
    published: Published, catalog: Catalog, nino12: SstSeries, small: TrainingConfig
) -> None:
    test = Dataset.divide(nino12, small).origins("test")
    served = catalog.dataset("nino12").forecasters
    for cell, forecaster in evaluated(published).items():
        error = forecaster.roll(test.windows, test.valid_time, 12) - test.targets
        stated = next(model for model in published.report.networks if model.name == cell).accuracy["test"]
        assert np.sqrt(np.nanmean(error**2, axis=0)) == pytest.approx(stated.rmse, abs=1e-5)
        assert forecaster.metadata.accuracy["test"] == served[cell].metadata.accuracy["test"] == stated


def test_the_served_weights_and_references_have_seen_the_newest_data(
    published: Published, catalog: Catalog, nino12: SstSeries, small: TrainingConfig
) -> None:
    """The test part is as warm as in 1982 and 1997, so only weights that have seen it differ when it is changed."""
    served = catalog.dataset("nino12")
    windows = nino12.values[None, -24:]
    ahead = np.asarray(["2011-01-01"], dtype="datetime64[s]")
    changed = SstSeries(nino12.values.copy(), nino12.start, nino12.step)
    changed.values[-100:] += 1.0
    other = fit(FitData.of_dataset(Dataset.divide(changed, small), small), "gru", 0, lambda epochs: None)
    for name, network, expected_same in (("evaluated", other.evaluated, True), ("served", other.final, False)):
        forecaster = served.forecasters["gru"] if name == "served" else evaluated(published)["gru"]
        again = NetworkRoller(network, nino12.step, CPU).roll(windows, ahead, 1)
        assert bool(np.allclose(again, forecaster.roll(windows, ahead, 1), atol=1e-5)) == expected_same, name
    config = Dataset.divide(nino12, small).shape
    assert served.baselines == Baselines.fit(nino12, config)
    _, references = PlaceRelease.open(published.path).load_evaluated()
    assert references == Baselines.fit(Dataset.divide(nino12, small).past("validation"), config)
    card = (published.path / "MODEL_CARD.md").read_text()
    assert "The weights that are served (`CELL.pt`) have seen all data up to 2010-12-01T00:00:00Z." in card
    assert served.forecasters["gru"].metadata.errors.n == (293 + 147,) * 12


def test_a_changed_byte_in_the_evaluated_weights_prevents_loading(published: Published, tmp_path: Path) -> None:
    copy = tmp_path / "nino12" / published.path.name
    shutil.copytree(published.path, copy)
    path = copy / "evaluated" / "gru.pt"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ReleaseError, match=r"evaluated/gru\.pt has changed since it was published"):
        PlaceRelease.open(copy).load()


def test_a_release_without_evaluated_weights_serves_those_that_were_evaluated(
    published: Published, tmp_path: Path
) -> None:
    copy = tmp_path / "nino12" / published.path.name
    shutil.copytree(published.path, copy)
    for name in ("gru.pt", "baselines.json"):
        shutil.copy(copy / "evaluated" / name, copy / name)
    shutil.rmtree(copy / "evaluated")
    seal(copy, "nino12", copy.name)
    old = PlaceRelease.open(copy).load()
    networks, references = old.load_evaluated()
    assert list(networks) == ["rnn", "lstm", "gru"]
    assert networks["gru"].metadata == old.forecasters["gru"].metadata == evaluated(published)["gru"].metadata
    assert references == old.baselines


def test_the_tables_hold_the_test_part_the_window_before_it_and_the_end_of_the_series(
    published: Published, nino12: SstSeries, small: TrainingConfig
) -> None:
    predictions = pd.read_csv(published.path / "predictions.csv", index_col="time")
    assert predictions["observed"].tolist() == nino12.values[585:].tolist()
    assert predictions["persistence"].tolist() == nino12.values[584:731].tolist()
    assert list(predictions.columns[1:4]) == ["rnn", "lstm", "gru"]
    recent = pd.read_csv(published.path / "recent.csv")
    assert (recent["time"].iloc[-1], recent["sst"].tolist()) == ("2010-12-01T00:00:00Z", nino12.values[-96:].tolist())
    series = pd.read_csv(published.path / "evaluated" / "series.csv")
    assert series["sst"].tolist() == nino12.values[585 - small.window :].tolist()
    assert series["time"].iloc[small.window] == "1998-10-01T00:00:00Z"


def test_no_file_holds_nan(published: Published) -> None:
    for path in published.path.glob("*.json"):
        json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"a {name} in a release"))


def publish_cell(
    series: SstSeries, artifacts: Path, epochs: int, rate: float = 1e-2, *, if_not_worse: bool = True
) -> Published:
    """Publish a release whose cell forecasts alone, so that it gets better with the epochs."""
    config = TrainingConfig.for_step(
        series.step, cells=("rnn",), epochs=epochs, hidden=4, learning_rate=rate, horizon=1, autoregression=False
    )
    destination = Destination("nino12", artifacts, keep=5, if_not_worse=if_not_worse)
    return train(Dataset.divide(series, config), NINO12, destination, config)


@pytest.mark.long
def test_a_worse_release_does_not_serve_on_request(nino12: SstSeries, tmp_path: Path) -> None:
    good = publish_cell(nino12, tmp_path, 5)
    assert [path.name for path in good.path.rglob("*.pt")] == ["rnn.pt", "rnn.pt"]
    assert (good.serves, good.comparison) == (True, "")
    worse = publish_cell(nino12, tmp_path, 1, 1e-6)
    assert not worse.serves
    assert current_version(tmp_path / "nino12") == good.path.name
    assert worse.path.exists()
    old, new = (release.report.best.accuracy["test"].rmse[0] for release in (good, worse))
    assert worse.comparison == (
        "one step ahead on 147 values from 1998-10-01 to 2010-12-01 that neither release was fitted to, the RMSE of "
        f"the new one is {new:.4f} °C, that of {good.path.name} {old:.4f} °C"
    )
    assert publish_cell(nino12, tmp_path, 6).serves
    assert publish_cell(nino12, tmp_path, 1, 1e-6, if_not_worse=False).serves


@pytest.mark.long
def test_releases_of_different_length_are_compared_where_neither_was_fitted(nino12: SstSeries, tmp_path: Path) -> None:
    """The older release has fewer data, so the newer one decides from when on; then the other way round."""
    first = publish_cell(nino12.part(0, 600), tmp_path, 1)
    second = publish_cell(nino12, tmp_path, 5)
    assert second.serves
    assert second.comparison.startswith("one step ahead on 147 values from 1998-10-01 to 2010-12-01")
    assert first.path.name in second.comparison
    third = publish_cell(nino12.part(0, 600), tmp_path, 5)
    assert third.comparison.startswith("one step ahead on 15 values from 1998-10-01 to 1999-12-01")


@pytest.mark.long
def test_releases_without_common_dates_are_not_compared(nino12: SstSeries, tmp_path: Path) -> None:
    first = publish_cell(nino12, tmp_path, 1)
    second = publish_cell(nino12.part(0, 590), tmp_path, 5)
    assert not second.serves
    assert second.comparison == (
        "the data has 5 values to forecast after 1998-09-01, the end of the data that the two releases were fitted to, "
        f"but a comparison with {first.path.name} needs 10: it keeps serving; use a longer series, or train again "
        "without --publish-if-not-worse to replace it anyway"
    )
    assert current_version(tmp_path / "nino12") == first.path.name


@pytest.mark.long
def test_a_series_with_gaps_is_trained_and_scored_on_what_was_observed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = 15 + 4 * np.cos(np.arange(900) / 58) + rng.normal(0, 0.3, 900)
    values[rng.choice(890, 60, replace=False)] = np.nan
    values[700:709] = np.nan
    series = daily(values).until_last_observation()
    config = TrainingConfig.for_step(series.step, cells=("rnn",), epochs=1, hidden=2)
    published = train(Dataset.divide(series, config), NINO12, Destination("gaps", tmp_path), config)
    accuracy = published.report.networks[0].accuracy["test"]
    assert all(0 < n < 180 for n in accuracy.n)
    assert "are missing" in published.report.notes[-1]


def test_an_invalid_dataset_name_is_refused(nino12: SstSeries, small: TrainingConfig, tmp_path: Path) -> None:
    for name in ("../up", "Upper", "", "a b", ".hidden"):
        with pytest.raises(RequestError, match=r"is not a valid dataset name: use .* dots, dashes and underscores"):
            train(Dataset.divide(nino12, small), NINO12, Destination(name, tmp_path), small)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("title", ["", " pier", "two\nlines", "x" * 61])
def test_an_invalid_title_is_refused(tmp_path: Path, title: str) -> None:
    with pytest.raises(
        RequestError, match="is not valid: use 1 to 60 printable characters, without spaces at the ends"
    ):
        Destination("pier", tmp_path, title=title)
