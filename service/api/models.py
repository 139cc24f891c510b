"""What is loaded."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import (
    BaseModel,
    Field,
)
from starlette.responses import Response

from forecasting.errors import UnknownNameError
from forecasting.networks.forecaster import Forecaster
from forecasting.releases.registry import ALL, LoadedRelease
from service.api.dependencies import DatasetQuery, ModelPath, RegistryDep, SettingsDep
from service.api.openapi import problems
from service.settings import Settings


class ModelSummary(BaseModel):
    """A model that is loaded."""

    model: str
    dataset: str
    cell: str
    version: str
    window: int
    step: str
    units: str
    horizon: int = Field(description="most steps ahead that may be asked for")
    levels: list[int] = Field(description="of prediction intervals, percent")
    training_period: Mapping[str, str]
    accuracy: Mapping[str, float | None] = Field(description="on the test part, one step ahead, °C")
    sha256: str
    device: str
    best: bool = Field(description="whether best means this model")


class ModelList(BaseModel):
    """Every model that is loaded."""

    default_dataset: str
    models: list[ModelSummary]


class ModelDetail(ModelSummary):
    """A model with all that is known about it."""

    metadata: dict[str, Any] = Field(description="as stored in the checkpoint")


router = APIRouter(prefix="/models", tags=["models"])


@router.get("", responses=problems(422, 503))
def list_models(registry: RegistryDep, settings: SettingsDep) -> ModelList:
    """Every model that is loaded."""
    models = [
        _summary(release, forecaster, settings)
        for release in registry.releases.values()
        for forecaster in release.forecasters.values()
    ]
    return ModelList(default_dataset=registry.default_dataset, models=models)


@router.get("/{model}", responses=problems(404, 422, 503))
def get_model(
    registry: RegistryDep, settings: SettingsDep, model: ModelPath, dataset: DatasetQuery = None
) -> ModelDetail:
    """One model, by full name, by cell, or as ``best``."""
    if model == ALL:
        raise UnknownNameError("all is not one model; GET /models lists them")
    release, (forecaster,) = registry.resolve(model, dataset)
    summary = _summary(release, forecaster, settings)
    return ModelDetail(**summary.model_dump(), metadata=forecaster.metadata.model_dump(mode="json"))


@router.get(
    "/{model}/card",
    response_class=Response,
    responses={
        200: {"content": {"text/markdown": {"schema": {"type": "string"}}}},
        **problems(404, 422, 503),
    },
)
def get_card(registry: RegistryDep, model: ModelPath, dataset: DatasetQuery = None) -> Response:
    """The model card of the release: what it was trained on, for what it is meant, how far to trust it."""
    release, _ = registry.resolve(model, dataset)
    if release.card is None:
        raise UnknownNameError(f"release {release.report.version} of {release.report.dataset} has no model card")
    return Response(release.card, media_type="text/markdown; charset=utf-8")


def _summary(release: LoadedRelease, forecaster: Forecaster, settings: Settings) -> ModelSummary:
    metadata = forecaster.metadata
    test = metadata.accuracy["test"]
    return ModelSummary(
        model=metadata.model,
        dataset=metadata.dataset,
        cell=metadata.cell,
        version=metadata.version,
        window=metadata.window,
        step=metadata.step,
        units=metadata.units,
        horizon=min(metadata.horizon, settings.max_horizon),
        levels=list(metadata.errors.half_width),
        training_period={"start": metadata.periods["train"].start, "end": metadata.periods["validation"].end},
        accuracy={"mae": test.mae[0], "rmse": test.rmse[0], "mape": test.mape[0], "bias": test.bias[0]},
        sha256=release.digests[metadata.cell],
        device=str(forecaster.device),
        best=release.best == metadata.cell,
    )
