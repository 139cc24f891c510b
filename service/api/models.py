"""The loaded models."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field, WithJsonSchema
from starlette.responses import Response

from forecasting.errors import UnknownNameError
from forecasting.forecasts.options import DEFAULT_LEVELS
from forecasting.models.base import ALL, BEST
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.releases.release import Release
from service.api.dependencies import CatalogDep, DatasetQuery, ModelPath, SettingsDep
from service.api.openapi import links, problems
from service.settings import Settings

_TIME: Final = {"type": "string", "format": "date-time"}
TrainingPeriod = Annotated[
    Mapping[str, str], WithJsonSchema({"type": "object", "properties": {"start": _TIME, "end": _TIME}})
]


class ModelSummary(BaseModel):
    """A loaded model."""

    model: str
    kind: Literal["place", "universal"] = Field(
        description="`place`: trained on the series of one place. `universal`: forecasts any series at its step."
    )
    dataset: str
    title: str | None = Field(default=None, description="The display name of the place, if training was given one.")
    cell: str
    version: str
    window: int
    step: str
    units: str
    horizon: int = Field(description="The most steps ahead that a request may ask for.")
    levels: list[int] = Field(description="The levels of its prediction intervals, in percent.")
    covariates: list[str] = Field(
        default=[], description="The weather that the model takes, such as `wind_speed`; empty if it takes none."
    )
    imported: bool = Field(
        default=False, description="Whether the model was trained elsewhere; `metadata.imported` says where it is from."
    )
    training_period: TrainingPeriod = Field(
        description="Of an imported model, the period that the baselines are fitted to. Empty for a universal model."
    )
    accuracy: Mapping[str, float | None] = Field(
        description="Test errors one step ahead, in °C; MAPE in percent. Empty for a universal model."
    )
    sha256: str
    device: str
    best: bool = Field(
        description="Whether `best` means this model. In a universal release, it is the model that did best on "
        "held-out seas; `best` mixes it with the references for each series that is long enough."
    )


class ModelList(BaseModel):
    """The loaded models."""

    default_dataset: str
    models: list[ModelSummary]


class ModelDetail(ModelSummary):
    """A model with all its metadata."""

    metadata: dict[str, Any] = Field(description="The metadata stored in the checkpoint.")


router = APIRouter(prefix="/models", tags=["models"])


@router.get(
    "",
    operation_id="listModels",
    summary="List models",
    responses={
        200: {
            "links": links("getModel", "getModelCard", model="$response.body#/models/0/model")
            | links("forecastDataset", "compareDataset", "getRecentValues", dataset="$response.body#/models/0/dataset")
        },
        **problems(422, 503),
    },
)
def list_models(catalog: CatalogDep, settings: SettingsDep) -> ModelList:
    """List the loaded models."""
    models = [
        ModelSummary(**_summary(release, cell, settings))
        for release in catalog.releases.values()
        for cell in release.cells
    ]
    return ModelList(default_dataset=settings.default_dataset, models=models)


@router.get(
    "/{model}",
    operation_id="getModel",
    summary="Get a model",
    responses={
        200: {
            "links": links("getModelCard", "getModelMetadata", model="$response.body#/model")
            | links("forecastDataset", dataset="$response.body#/dataset", model="$response.body#/model")
        },
        **problems(404, 422, 503),
    },
)
def get_model(
    catalog: CatalogDep, settings: SettingsDep, model: ModelPath, dataset: DatasetQuery = None
) -> ModelDetail:
    """Return one model, by its full name, by its cell, or as `best`."""
    if model == ALL:
        raise UnknownNameError("'all' is not a single model; GET /models lists the models")
    release, name = catalog.find(model, dataset)
    cell = release.best if name == BEST else name
    metadata = release.metadata[cell].model_dump(mode="json", by_alias=True)
    return ModelDetail(**_summary(release, cell, settings), metadata=metadata)


@router.get(
    "/{model}/card",
    operation_id="getModelCard",
    summary="Get a model card",
    response_class=Response,
    responses={
        200: {"content": {"text/markdown": {"schema": {"type": "string"}}}},
        **problems(404, 422, 503),
    },
)
def get_card(catalog: CatalogDep, model: ModelPath, dataset: DatasetQuery = None) -> Response:
    """Return the model card of the release: its training data, intended use, and limits."""
    release, _ = catalog.find(model, dataset)
    if release.card is None:
        raise UnknownNameError(f"release {release.version} of {release.dataset} has no model card")
    return Response(release.card, media_type="text/markdown; charset=utf-8")


def _summary(release: Release, cell: str, settings: Settings) -> dict[str, Any]:
    """Return the fields of :class:`ModelSummary`."""
    metadata = release.metadata[cell]
    shared = {
        "model": metadata.model,
        "dataset": metadata.dataset,
        "cell": cell,
        "version": metadata.version,
        "window": metadata.window,
        "step": metadata.step,
        "horizon": min(metadata.horizon, settings.max_horizon),
        "covariates": [*release.forecasters[cell].covariates],
        "sha256": release.file(f"{cell}.pt").sha256,
        "device": str(release.device),
        "best": release.best == cell,
    }
    if isinstance(metadata, UniversalMetadata):
        described: dict[str, Any] = {"training_period": {}, "accuracy": {}}
        return shared | described | {"kind": "universal", "units": "celsius", "levels": DEFAULT_LEVELS}
    test = metadata.accuracy["test"]
    return shared | {
        "kind": "place",
        "title": metadata.title,
        "units": metadata.units,
        "levels": [*metadata.errors.half_width],
        "imported": metadata.imported is not None,
        "training_period": {"start": metadata.periods["train"].start, "end": metadata.periods["validation"].end},
        "accuracy": {"mae": test.mae[0], "rmse": test.rmse[0], "mape": test.mape[0], "bias": test.bias[0]},
    }
