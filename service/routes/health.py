"""Whether the process answers, and whether it can forecast."""

from fastapi import APIRouter

from service.dependencies import LifecycleDep, RegistryDep, refuse_draining
from service.openapi import problems
from service.schemas import Live, Ready

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
