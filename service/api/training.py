"""How a dataset's networks were fitted: what to look at when the cells are studied."""

from fastapi import APIRouter

from forecasting.evaluation.report import Report
from service.api.compare.schemas import SeedRun, TrainedNetwork, TrainingRecord
from service.api.dependencies import DatasetQuery, RegistryDep
from service.api.openapi import problems

router = APIRouter(prefix="/compare", tags=["compare"])


@router.get("/training", responses=problems(404, 422, 503))
def training(registry: RegistryDep, dataset: DatasetQuery = None) -> TrainingRecord:
    """The loss by epoch of each network, and what the seed of the random numbers changes."""
    report = registry.dataset(dataset).report
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
