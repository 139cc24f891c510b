"""Whether the process answers, and whether it can forecast."""

from typing import Literal

from fastapi import APIRouter
from pydantic import (
    BaseModel,
)

from service.api.dependencies import LifecycleDep, RegistryDep, refuse_draining
from service.api.openapi import problems


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Every model is loaded, verified and warmed up, but for those that were unloaded."""

    status: Literal["ready"] = "ready"
    models: list[str]


router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Live:
    """The process answers."""
    return Live()


@router.get("/ready", responses=problems(503))
async def ready(registry: RegistryDep, lifecycle: LifecycleDep) -> Ready:
    """Every model is loaded, verified and warmed up, but those that were unloaded; 503 with the reason where not."""
    refuse_draining(lifecycle)
    return Ready(models=[forecaster.metadata.model for forecaster in registry.models])
