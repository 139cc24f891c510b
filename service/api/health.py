"""Health checks: whether the process is running, and whether it can forecast."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from service.api.dependencies import CatalogDep, LifecycleDep, refuse_draining
from service.api.openapi import problems
from service.plugin import Plugin


class Live(BaseModel):
    """The process is running."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Every model is loaded, verified and warmed up, except models that were unloaded, and the store takes writes."""

    status: Literal["ready"] = "ready"
    models: list[str]
    store: Literal["writable", "not_created", "unavailable"] | None = Field(
        description="The database of stations: `writable` if it has just taken a write; `not_created` if the first "
        "write will create it; `unavailable` if there is none and none can be created, so that calls about stations "
        "that write return 503. Null if `SST_PLUGINS` leaves out stations.",
    )


router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", operation_id="checkLiveness", summary="Check liveness")
async def live() -> Live:
    """Report that the process is running."""
    return Live()


@router.get("/ready", operation_id="checkReadiness", summary="Check readiness", responses=problems(503))
async def ready(request: Request, catalog: CatalogDep, lifecycle: LifecycleDep) -> Ready:
    """Report that every model is loaded, verified and warmed up, except models that were unloaded.

    The database of stations has taken a write within the last seconds, if there is one or `SST_STORE` names one.
    Otherwise the status is 503, with the reason.
    """
    refuse_draining(lifecycle)
    plugins: Mapping[str, Plugin] = request.app.state.plugins
    fields: dict[str, Any] = {"store": None}
    for plugin in plugins.values():
        fields |= await plugin.readiness(request.app) if plugin.readiness else {}
    return Ready(models=catalog.model_names, **fields)
