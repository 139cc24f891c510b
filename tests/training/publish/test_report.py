from pathlib import Path

import numpy as np
import pytest

from forecasting.evaluation.report import EventReport, parse_report
from forecasting.evaluation.rolling_origin import seasonal_percentile
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.checkpoint import CPU, load
from forecasting.models.place.forecaster import Forecaster
from forecasting.references.baselines import Baselines
from forecasting.releases.release import PlaceRelease
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.publish.report import write_report
from training.run import Published

PATHS = 1_000


def one_after_another(
    event: EventReport, network: Forecaster, dataset: Dataset, references: Baselines
) -> tuple[list[float], list[float]]:
    """Return the probability and the outcome of an event from each origin of the test part, by the forecasts alone."""
    series, begin = dataset.series, dataset.bounds["test"][0]
    threshold = seasonal_percentile(dataset.past("validation"), event.percentile)(series.times)
    sign = 1.0 if event.side == "above" else -1.0
    probabilities, outcomes = [], []
    origins = range(begin - event.first, len(series) - event.last)
    known = SeriesBatch.of([series.part(0, origin + 1) for origin in origins], network.step)
    forecasts = network.forecast_batch(known, ForecastOptions(event.last, ()), references)
    assert forecasts.row.tolist() == list(range(len(origins)))
    for i, origin in enumerate(origins):
        forecast = forecasts[i]
        leads = slice(origin + event.first, origin + event.last + 1)
        if event.first == event.last:
            above = forecast.exceedance(threshold[origin + 1 : leads.stop])[-1]
            probabilities.append(above if event.side == "above" else 1 - above)
            outcomes.append(float(sign * (series.values - threshold)[leads][0] > 0))
            continue
        past = sign * (series.values[: leads.start] - threshold[: leads.start]) > 0
        futures = sign * (forecast.sample_paths(PATHS) - threshold[leads]) > 0
        observed = sign * (series.values - threshold)[leads] > 0
        runs = [
            "1" * event.duration
            in "".join("1" if beyond else "0" for beyond in (*past[-event.duration + 1 :], *future))
            for future in (*futures, observed)
        ]
        probabilities.append(float(np.mean(runs[:-1])))
        outcomes.append(float(runs[-1]))
    return probabilities, outcomes


@pytest.mark.parametrize("place", [1, 3, 6], ids=["at lead 6", "below at lead 1", "three in a row"])
def test_the_report_scores_what_the_forecasts_say_from_each_origin(
    published: Published, nino12: SstSeries, small: TrainingConfig, place: int
) -> None:
    networks, references = PlaceRelease.open(published.path).load_evaluated()
    (model,) = (model for model in published.report.networks if model.name == "gru")
    event = model.events[place]
    dataset = Dataset.divide(nino12, small)
    probabilities, outcomes = one_after_another(event, networks["gru"], dataset, references)
    assert event.score.n == len(outcomes)
    assert event.score.frequency == pytest.approx(np.mean(outcomes), abs=1e-6)
    # A share of paths is within the bounds that the single leads set, which moves it by less than a path or two.
    expected = np.mean((np.asarray(probabilities) - outcomes) ** 2)
    assert event.score.brier == pytest.approx(expected, abs=2e-6 if event.first == event.last else 5e-4)


def test_every_network_is_scored_on_the_same_cases(published: Published) -> None:
    report = published.report
    described = [
        [(event.description, event.score.n, event.score.frequency) for event in model.events]
        for model in report.networks
    ]
    assert described[0] == described[1] == described[2]
    assert [name for name, _, _ in described[0]] == [
        "above the 90th percentile, 1 step ahead",
        "above the 90th percentile, 6 steps ahead",
        "above the 90th percentile, 12 steps ahead",
        "below the 10th percentile, 1 step ahead",
        "below the 10th percentile, 6 steps ahead",
        "below the 10th percentile, 12 steps ahead",
        "3 steps in a row above the 90th percentile, within 10 steps",
    ]
    assert all(not model.events for model in report.baselines)


def test_the_texts_of_a_release_have_the_scores_of_events(published: Published) -> None:
    last = published.report.best.events[-1]
    card, readable = ((published.path / name).read_text() for name in ("MODEL_CARD.md", "report.md"))
    assert f"- {last.description}: happened in {100 * last.score.frequency:.1f} % of {last.score.n} cases" in card
    brier = f"{last.score.brier:.4f} ± {last.score.brier_error:.4f}"
    assert brier in card
    assert brier in readable
    table = readable[readable.index(f'How often the event "{last.description}" happened') :]
    counts = [int(line.split("|")[2]) for line in table.split("\n\n")[1].splitlines()[2:]]
    assert sum(counts) == last.score.n


def test_training_writes_how_the_leads_go_together(published: Published, nino12: SstSeries) -> None:
    release = PlaceRelease.open(published.path)
    for name in ("gru.pt", "evaluated/gru.pt"):
        dependence = load(release.read(name), CPU)[1].dependence
        assert dependence is not None
        correlation = np.asarray(dependence.correlation)
        assert correlation.shape == (12, 12)
        assert 0.3 < correlation[0, 1] < 0.95
        assert correlation[0, 11] < correlation[0, 1] < correlation[10, 11] + 0.1
    network = release.load().forecasters["gru"]
    assert network.forecast(nino12, 12).outlook(nino12, paths=20).calibrated


def test_a_report_without_events_still_loads_and_has_no_section_on_them(published: Published, tmp_path: Path) -> None:
    report = published.report
    older = report.model_copy(update={"models": tuple(m.model_copy(update={"events": ()}) for m in report.models)})
    write_report(tmp_path, older)
    content = (tmp_path / "report.json").read_text()
    assert parse_report(content.replace('"events": [],', "").encode()) == older
    assert "## Events" not in (tmp_path / "MODEL_CARD.md").read_text() + (tmp_path / "report.md").read_text()
