"""Health checks: whether the process is running, and whether it can forecast."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from service.api.dependencies import CatalogDep, LifecycleDep, SettingsDep, refuse_draining
from service.api.openapi import problems
from service.http.problems import ProblemError
from service.telemetry.station_metrics import StoreState


class Live(BaseModel):
    """The process is running."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Every model is loaded, verified and warmed up, except models that were unloaded, and the store takes writes."""

    status: Literal["ready"] = "ready"
    models: list[str]
    store: Literal["writable", "not_created", "unavailable"] = Field(
        description="The database of stations: `writable` if it has just taken a write; `not_created` if the first "
        "write will create it; `unavailable` if there is none and none can be created, so that calls about stations "
        "that write return 503.",
    )


async def _store_state(request: Request) -> StoreState:
    state: StoreState = await request.app.state.write_proof.state()
    return state


router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", operation_id="checkLiveness", summary="Check liveness")
async def live() -> Live:
    """Report that the process is running."""
    return Live()


@router.get("/ready", operation_id="checkReadiness", summary="Check readiness", responses=problems(503))
async def ready(
    catalog: CatalogDep,
    lifecycle: LifecycleDep,
    settings: SettingsDep,
    store: Annotated[StoreState, Depends(_store_state)],
) -> Ready:
    """Report that every model is loaded, verified and warmed up, except models that were unloaded.

    The database of stations has taken a write within the last seconds, if there is one or `SST_STORE` names one.
    Otherwise the status is 503, with the reason.
    """
    refuse_draining(lifecycle)
    if store.trouble is None:
        return Ready(models=catalog.model_names, store="writable" if store.exists else "not_created")
    # Where nobody keeps stations, the file system may be read-only.
    if store.exists or settings.store.get_secret_value():
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, store.trouble, headers={"Retry-After": "10"})
    return Ready(models=catalog.model_names, store="unavailable")
