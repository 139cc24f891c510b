"""``GET /compare/training``: how a dataset's networks were trained."""

from collections.abc import Mapping

from fastapi import APIRouter
from pydantic import BaseModel, Field

from forecasting.evaluation.report import Report
from service.api.dependencies import CatalogDep, DatasetQuery
from service.api.openapi import problems


class SeedRun(BaseModel):
    """A network trained again with another random seed."""

    seed: int
    rmse: float = Field(description="The RMSE on the test part, one step ahead, in °C.")


class TrainedNetwork(BaseModel):
    """How one network was trained."""

    model: str = Field(examples=["nino12-gru"])
    parameters: int
    epochs: int | None = Field(
        description="The epochs of the final fit, which makes the forecasts; null if not recorded."
    )
    train_loss: list[float] = Field(
        description="The mean loss of each epoch of the fit on the training part alone, in units of the one-step "
        "spread; empty if not recorded."
    )
    validation_loss: list[float] = Field(description="The loss of the same fit on the validation part.")
    seeds: list[SeedRun] = Field(description="One entry for each seed; empty if only one was trained.")


class TrainingRecord(BaseModel):
    """How a dataset's networks were trained."""

    dataset: str
    version: str
    step: str
    configuration: Mapping[str, int | float | str | bool] = Field(description="Every training setting.")
    networks: list[TrainedNetwork]


router = APIRouter(prefix="/compare", tags=["compare"])


@router.get(
    "/training",
    operation_id="getTrainingRecord",
    summary="Get the training record",
    responses=problems(404, 422, 503),
)
def training(catalog: CatalogDep, dataset: DatasetQuery = None) -> TrainingRecord:
    """Return the loss curves of each network, and the test errors of each random seed."""
    report = catalog.dataset(dataset).report
    return TrainingRecord(
        dataset=report.dataset,
        version=report.version,
        step=report.step,
        configuration=report.configuration,
        networks=_networks(report),
    )


def _networks(report: Report) -> list[TrainedNetwork]:
    networks = []
    for model in report.networks:
        spread = report.seeds.get(model.name)
        runs = zip(spread.seeds, spread.rmse, strict=True) if spread else ()
        networks.append(
            TrainedNetwork(
                model=f"{report.dataset}-{model.name}",
                parameters=model.parameters or 0,
                epochs=model.epochs,
                train_loss=list(model.loss.train) if model.loss else [],
                validation_loss=list(model.loss.validation) if model.loss else [],
                seeds=[SeedRun(seed=seed, rmse=rmse) for seed, rmse in runs],
            )
        )
    return networks
