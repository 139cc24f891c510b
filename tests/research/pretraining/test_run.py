import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import research.pretraining.network
from forecasting.errors import ReleaseError
from forecasting.models.checkpoint import CPU
from forecasting.models.universal.network import load
from forecasting.models.universal.report import parse_universal_report
from forecasting.releases.release import open_current
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from research.pretraining.network import FitSettings
from research.pretraining.real_series import RealSeries, read_real_series
from research.pretraining.run import PretrainingSettings, pretrain
from research.spec import SPECS

TINY = PretrainingSettings(
    seas=24, prior_seas=40, held_out_seas=40, fit=FitSettings(epochs=1, batch=16, hidden=4), workers=1
)
MONTH = replace(SPECS["month"], training_steps=120, contexts=(24, 60))


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    pretrain(MONTH, TINY, folder)
    return folder


def test_a_run_publishes_three_networks_that_load_and_forecast(artifacts: Path) -> None:
    release = open_current(artifacts, "ocean-monthly")
    for cell in ("rnn", "lstm", "gru"):
        network = load(release.read(f"{cell}.pt"), CPU)
        metadata = network.metadata
        assert metadata.model == f"ocean-monthly-{cell}"
        assert metadata.held_out.keys() == {"24", "60"}
        assert metadata.dependence is not None
        assert len(metadata.dependence.correlation) == 12
        arguments = torch.full((1, 24), 15.0), torch.zeros(1).double(), torch.full((1, 7), torch.nan)
        forecast = network.module.quantiles(*arguments)
        assert forecast.shape == (1, 12, 10)
        assert network.predict(*(argument.numpy() for argument in arguments)) == pytest.approx(
            forecast.detach().numpy()
        )
        assert bool(torch.isfinite(forecast).all())


def test_a_checkpoint_names_no_folder_of_the_machine_that_trained_it(artifacts: Path) -> None:
    release = open_current(artifacts, "ocean-monthly")
    source = str(Path(research.pretraining.network.__file__).parent).encode()
    with zipfile.ZipFile(io.BytesIO(release.read("gru.pt"))) as checkpoint:
        assert not [name for name in checkpoint.namelist() if source in checkpoint.read(name)]


def test_the_report_scores_each_cell_with_its_companion_and_without(artifacts: Path) -> None:
    report = parse_universal_report(open_current(artifacts, "ocean-monthly").read("report.json"))
    asked = {(context, lead) for context in (24, 60) for lead in (1, 3, 6, 12)}
    for model in report.models:
        for scores in (model.held_out, model.held_out_without_companion):
            assert {(score.context, score.lead) for score in scores} == asked
            assert {score.positioned for score in scores} == {True, False}
            assert all(score.relative_rmse > 0 for score in scores)
            assert all(0 <= score.coverage_80 <= score.coverage_95 <= 1 for score in scores)
        assert [event.context for event in model.events] == [24, 60]
        for event in model.events:
            assert event.score.skill.keys() == {"climatology", "persistence", "independent"}
            assert 0 < event.score.n <= 40
            assert sum(row.n for row in event.score.reliability) == event.score.n
    card = open_current(artifacts, "ocean-monthly").read("MODEL_CARD.md").decode()
    assert "The event is 3 steps in a row above the 90th percentile of the context, within 10 steps." in card
    assert "| ocean-monthly-gru" in card.split("## Probabilities of events")[1]
    assert "| ocean-monthly-gru alone | unknown |" in card
    assert "## At real places" not in card


@pytest.mark.long
def test_the_same_settings_give_the_same_weights(artifacts: Path, tmp_path: Path) -> None:
    pretrain(MONTH, replace(TINY, workers=2), tmp_path)
    states = [
        load(open_current(folder, "ocean-monthly").read("gru.pt"), CPU).module.state_dict()
        for folder in (artifacts, tmp_path)
    ]
    for name, weights in states[0].items():
        torch.testing.assert_close(weights, states[1][name], rtol=0, atol=0)


@pytest.mark.long
def test_places_of_regions_that_were_held_out_are_scored(tmp_path: Path) -> None:
    months, rng = np.arange("1990-01", "2010-01", dtype="datetime64[M]"), np.random.default_rng(0)
    places = []
    for region in ("east", "west"):
        values = 15 + 3 * np.sin(np.arange(240) / 6 * np.pi) + np.cumsum(rng.normal(0, 0.1, 240))
        series = SstSeries(values, months[0].astype("datetime64[s]"), TimeStep.parse("month"))
        places.append(RealSeries(region, region, series, np.full(7, np.nan)))
    pretrain(MONTH, replace(TINY, held_out_series=places), tmp_path)
    release = open_current(tmp_path, "ocean-monthly")
    report = parse_universal_report(release.read("report.json"))
    assert {(row.region, row.context, row.places) for row in report.regions} == {
        (region, context, 1) for region in ("east", "west") for context in (24, 60)
    }
    card = release.read("MODEL_CARD.md").decode()
    of_mixture = next(line for line in card.splitlines() if line.startswith("| mixture"))
    both = [row.relative_rmse["mixture"] for row in report.regions if (row.context, row.lead) == (24, 1)]
    assert f"| {np.prod(both) ** 0.5:.3f} (" in of_mixture
    lines = [line.split("|")[1].strip() for line in card.splitlines() if line.startswith(("| east", "| west"))]
    assert lines == ["east", "east", "west", "west"]


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReleaseError, match=r"cannot write the release to .*ocean-monthly"):
        pretrain(MONTH, TINY, tmp_path / "file")


@pytest.mark.long
def test_real_series_are_trained_on_and_named(artifacts: Path, tmp_path: Path) -> None:
    months = np.arange("1990-01", "2010-01", dtype="datetime64[M]")
    rows = [f"{month}-01,{15 + 3 * np.sin(i / 6 * np.pi):.2f}" for i, month in enumerate(months)]
    file = tmp_path / "pier.csv"
    file.write_text("\n".join(["time,sst", *rows]) + "\n")
    pretrain(MONTH, replace(TINY, real_series=read_real_series(MONTH, [file])), tmp_path)
    release = open_current(tmp_path, "ocean-monthly")
    report = parse_universal_report(release.read("report.json"))
    assert report.real_series == ("pier.csv",)
    assert report.regions == ()
    assert "trained on 24 simulated seas and on pier.csv." in release.read("MODEL_CARD.md").decode()
    weights, without = (
        load(open_current(folder, "ocean-monthly").read("gru.pt"), CPU).module.network.head.weight
        for folder in (tmp_path, artifacts)
    )
    assert not torch.equal(weights, without)
