"""The loaded models."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from forecasting.errors import UnknownNameError
from forecasting.networks.forecaster import Forecaster
from forecasting.releases.registry import ALL, LoadedRelease
from service.api.dependencies import DatasetQuery, ModelPath, RegistryDep, SettingsDep
from service.api.openapi import problems
from service.settings import Settings


class ModelSummary(BaseModel):
    """A loaded model."""

    model: str
    dataset: str
    cell: str
    version: str
    window: int
    step: str
    units: str
    horizon: int = Field(description="The most steps ahead that a request may ask for.")
    levels: list[int] = Field(description="The levels of its prediction intervals, in percent.")
    training_period: Mapping[str, str]
    accuracy: Mapping[str, float | None] = Field(description="Test errors one step ahead, in °C; MAPE in percent.")
    sha256: str
    device: str
    best: bool = Field(description="Whether `best` stands for this model.")


class ModelList(BaseModel):
    """The loaded models."""

    default_dataset: str
    models: list[ModelSummary]


class ModelDetail(ModelSummary):
    """A model with all its metadata."""

    metadata: dict[str, Any] = Field(description="The metadata stored in the checkpoint.")


router = APIRouter(prefix="/models", tags=["models"])


@router.get("", summary="List models", responses=problems(422, 503))
def list_models(registry: RegistryDep, settings: SettingsDep) -> ModelList:
    """List the loaded models."""
    models = [
        _summary(release, forecaster, settings)
        for release in registry.releases.values()
        for forecaster in release.forecasters.values()
    ]
    return ModelList(default_dataset=registry.default_dataset, models=models)


@router.get("/{model}", summary="Get a model", responses=problems(404, 422, 503))
def get_model(
    registry: RegistryDep, settings: SettingsDep, model: ModelPath, dataset: DatasetQuery = None
) -> ModelDetail:
    """Return one model, by its full name, by its cell, or as `best`."""
    if model == ALL:
        raise UnknownNameError("'all' is not a single model; GET /models lists the models")
    release, (forecaster,) = registry.resolve(model, dataset)
    summary = _summary(release, forecaster, settings)
    return ModelDetail(**summary.model_dump(), metadata=forecaster.metadata.model_dump(mode="json", by_alias=True))


@router.get(
    "/{model}/card",
    summary="Get a model card",
    response_class=Response,
    responses={
        200: {"content": {"text/markdown": {"schema": {"type": "string"}}}},
        **problems(404, 422, 503),
    },
)
def get_card(registry: RegistryDep, model: ModelPath, dataset: DatasetQuery = None) -> Response:
    """Return the model card of the release: its training data, intended use, and limits."""
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
