"""Comparisons: a release's own, and every model rolled through callers' series."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

from forecasting.errors import RequestError, SeriesError
from forecasting.evaluation.comparison import Rolled, rolling_through, score
from forecasting.evaluation.report import Coverage, ModelReport
from forecasting.networks.forecaster import Forecaster
from forecasting.releases.registry import LoadedRelease
from forecasting.scores.accuracy import skill
from forecasting.series.sst_series import SstSeries, Units, from_celsius
from forecasting.wording import counted
from service.api.compare.schemas import (
    BrierOut,
    ComparedModel,
    ComparedNetwork,
    CompareRequest,
    CoverageOut,
    IntervalsOut,
    SkillOut,
    Verification,
)
from service.api.forecast.answer import check_horizon, check_limits, names, refuse_failures
from service.engine.forecast_json import rounded, written_times
from service.engine.parsing import parse_all
from service.engine.serving import Serving
from service.engine.writing import Json, sentence
from service.settings import Settings

A_SERIES: Final = 0.02
A_VALUE: Final = 3e-5
A_FORECAST: Final = 3e-6
"""Seconds of computing that a comparison costs, rather too many: for each series, value, and forecast of one step."""


@dataclass(frozen=True)
class Compared:
    """Series by series, how the models of a release did.

    Attributes:
        release: that the models are of.
        forecasters: the networks among them.
        horizon: the lead that was scored.
        units: of errors.
        ids: of the series.
        rolled: what the models said of each, or what is wrong with it.
    """

    release: LoadedRelease
    forecasters: Sequence[Forecaster]
    horizon: int
    units: Units
    ids: Sequence[str]
    rolled: Sequence[Rolled | SeriesError]

    def scores(self, rolled: Rolled, *, significance: bool = True) -> list[ModelReport]:
        """The errors of each model, at the one lead that was scored."""
        errors = {one.metadata.cell: one.metadata.errors for one in self.forecasters}
        return score(rolled, errors, self.horizon, self.units, significance=significance)

    def pooled(self) -> tuple[Rolled, list[ModelReport]] | None:
        """All series together; None where there is none to compare on."""
        usable = [one for one in self.rolled if isinstance(one, Rolled)]
        if not usable:
            return None
        together = Rolled.pooled(usable) if len(usable) > 1 else usable[0]
        # Places that lie together err together: more of them are no more evidence.
        return together, self.scores(together, significance=len(usable) == 1)


async def compare_series(serving: Serving, settings: Settings, request: CompareRequest, *, strict: bool) -> Compared:
    """Roll the models that are asked for through each series.

    Raises:
        ForecastError: if what is asked for is not offered.
        ProblemError: 422 with ``strict`` if any series cannot be compared on.
    """
    check_limits(request, settings)
    release, forecasters = serving.registry.resolve(request.model, request.dataset)
    horizon = request.horizon or 1
    check_horizon(horizon, settings)
    forecasters[0].check(horizon, ())
    refuse_long_work(request, len(forecasters), horizon, settings.request_seconds)
    parsed = await serving.run_in_worker(parse_all, request.series, request.units, forecasters[0].step)
    rolled = [
        one if isinstance(one, SeriesError) else await _roll(serving, one, forecasters, horizon) for one in parsed
    ]
    if strict:
        refuse_failures(names(request), rolled)
    return Compared(release, forecasters, horizon, request.units, names(request), rolled)


def refuse_long_work(request: CompareRequest, models: int, horizon: int, seconds: float) -> None:
    """Whether a comparison can be expected to be done within half of the ``seconds`` that a request may take.

    Raises:
        RequestError: if not, with what can be asked for at once.
    """
    n, values = len(request.series), sum(len(one.values) for one in request.series)
    work = n * A_SERIES + values * (A_VALUE + models * horizon * A_FORECAST)
    share = seconds / 2 / work
    if share >= 1:
        return
    if n > 1 and (most := int(n * share)):
        remedy = f"send at most {most} such series in one request"
    else:
        remedy = "send shorter series, or ask for one model or a smaller horizon"
    raise RequestError(
        f"to roll {counted(models, 'model')} {counted(horizon, 'step')} ahead through {n} series of {values} values in "
        f"all would take longer than a request may: {remedy}",
        field="series",
    )


async def _roll(
    serving: Serving, series: SstSeries, forecasters: Sequence[Forecaster], horizon: int
) -> Rolled | SeriesError:
    """In turns, so that other large requests have theirs, and one that is given up ends soon."""
    rolling = rolling_through(series, forecasters, horizon)
    while True:
        done = await serving.run_in_worker(_advance, rolling)
        if done is not None:
            return done


def _advance(rolling: Generator[None, None, Rolled]) -> Rolled | SeriesError | None:
    try:
        next(rolling)
    except StopIteration as done:
        rolled: Rolled = done.value
        return rolled
    except SeriesError as error:
        return error
    return None


def written(compared: Compared, predictions: bool) -> Json:
    """As :class:`~service.api.compare.schemas.OwnComparison`."""
    report = compared.release.report
    answer: Json = {
        "dataset": report.dataset,
        "version": report.version,
        "units": compared.units,
        "step": report.step,
        "horizon": compared.horizon,
        "best": f"{report.dataset}-{compared.release.best}",
        "models": [],
        "series": [
            {"id": name, "error": sentence(one)}
            if isinstance(one, SeriesError)
            else {"id": name} | _one(compared, one, compared.scores(one), predictions=predictions)
            for name, one in zip(compared.ids, compared.rolled, strict=True)
        ],
    }
    pooled = compared.pooled()
    return answer if pooled is None else answer | _of_all(compared, *pooled)


def _of_all(compared: Compared, rolled: Rolled, scores: Sequence[ModelReport]) -> Json:
    models = [compared_model(compared.release, one, scores, 1) for one in scores]
    return {
        "test": rolled.period.model_dump(),
        "lowest_rmse": min(models, key=lambda one: one.rmse).model,
        "models": [one.model_dump() for one in models],
    }


def _one(compared: Compared, rolled: Rolled, scores: Sequence[ModelReport], *, predictions: bool) -> Json:
    entry = _of_all(compared, rolled, scores)
    entry["warnings"] = [{"code": one.code, "message": one.message} for one in rolled.warnings]
    if predictions:
        columns = {full_name(compared.release, one): rolled.predicted[one.name] for one in scores}
        shown = {name: rounded(from_celsius(column, compared.units)).tolist() for name, column in columns.items()}
        entry["predictions"] = {
            "timestamps": written_times(rolled.times[None])[0],
            "observed": rounded(from_celsius(rolled.observed, compared.units)).tolist(),
            "predicted": shown,
        }
    return entry


def full_name(release: LoadedRelease, model: ModelReport) -> str:
    """The name by which a request asks for a model."""
    return model.name if model.kind == "baseline" else f"{release.report.dataset}-{model.name}"


def compared_model(
    release: LoadedRelease, model: ModelReport, beside: Sequence[ModelReport], lead: int
) -> ComparedModel:
    """One row of a comparison, at ``lead``, with its skill over the references ``beside`` it."""
    accuracy = model.accuracy["test"]
    k = lead - 1
    references = {one.name: one.accuracy["test"].rmse[k] for one in beside if one.kind == "baseline"}
    errors = ComparedModel(
        model=full_name(release, model),
        kind=model.kind,
        mae=accuracy.mae[k],
        rmse=accuracy.rmse[k],
        mape=accuracy.mape[k],
        bias=accuracy.bias[k],
        skill={name: skill(accuracy.rmse[k], rmse) for name, rmse in references.items()},
        anomaly_correlation=model.anomaly_correlation[k] if model.anomaly_correlation else None,
    )
    if model.kind == "baseline":
        return errors
    trained = next(one for one in release.report.networks if one.name == model.name)
    return ComparedNetwork(
        **errors.model_dump(),
        p_value=model.p_value[k] if model.p_value else None,
        coverage={str(level): by_lead[k] for level, by_lead in (model.coverage or {}).items()},
        parameters=trained.parameters or 0,
        latency_ms=trained.latency_ms or 0.0,
        train_seconds=trained.train_seconds or 0.0,
        verification=_verification(model, k),
    )


def _verification(model: ModelReport, k: int) -> Verification | None:
    if model.crps is None:
        return None
    return Verification(
        skill={
            name: SkillOut(lower=one.lower[k], upper=one.upper[k], p_value=one.p_value[k])
            for name, one in model.skill.items()
        },
        intervals={
            str(level): IntervalsOut(
                **_covered(one.coverage, k).model_dump(),
                score=one.score[k],
                seasons={season: _covered(coverage, k) for season, coverage in one.seasons.items()},
            )
            for level, one in model.intervals.items()
        },
        crps=model.crps[k],
        exceedance=[
            BrierOut(threshold=one.threshold, brier=one.brier[k], climatology=one.climatology[k])
            for one in model.exceedance
        ],
    )


def _covered(coverage: Coverage, k: int) -> CoverageOut:
    return CoverageOut(n=coverage.n[k], share=coverage.share[k], error=coverage.error[k])
