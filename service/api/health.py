"""Health checks: whether the process is running, and whether it can forecast."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from service.api.dependencies import CatalogDep, LifecycleDep, refuse_draining
from service.api.openapi import problems


class Live(BaseModel):
    """The process is running."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Every model is loaded, verified and warmed up, except models that were unloaded."""

    status: Literal["ready"] = "ready"
    models: list[str]


router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", operation_id="checkLiveness", summary="Check liveness")
async def live() -> Live:
    """Report that the process is running."""
    return Live()


@router.get("/ready", operation_id="checkReadiness", summary="Check readiness", responses=problems(503))
async def ready(catalog: CatalogDep, lifecycle: LifecycleDep) -> Ready:
    """Report that every model is loaded, verified and warmed up, except models that were unloaded.

    Otherwise the status is 503, with the reason.
    """
    refuse_draining(lifecycle)
    return Ready(models=catalog.model_names)
