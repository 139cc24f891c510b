"""The dependencies and parameters that endpoints share, each an ``Annotated`` type.

Dependencies are coroutines: FastAPI calls any other function in a thread, which takes longer than all of them.
"""

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query, Request

from forecasting.releases.catalog import Catalog
from service.engine.releases.release_watcher import ReleaseWatcher
from service.engine.serving import Lifecycle, Serving
from service.http.problems import shutting_down
from service.settings import Settings


def app_state(name: str) -> Any:
    """Return the dependency on what the application keeps under ``name`` in its state."""

    async def get(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(get)


async def _serving(lifecycle: "LifecycleDep") -> Serving:
    return lifecycle.ready()


def refuse_draining(lifecycle: Lifecycle) -> None:
    """Raise ProblemError (503) if the process is shutting down."""
    if lifecycle.draining:
        raise shutting_down()


async def _release_watcher(request: Request, serving: "ServingDep") -> ReleaseWatcher:
    # Depends on the loaded models because the watcher exists only once they are there.
    watcher: ReleaseWatcher = request.app.state.release_watcher
    return watcher


async def _catalog(serving: "ServingDep") -> Catalog:
    return serving.catalog


SettingsDep = Annotated[Settings, app_state("settings")]
LifecycleDep = Annotated[Lifecycle, app_state("lifecycle")]
ServingDep = Annotated[Serving, Depends(_serving)]
CatalogDep = Annotated[Catalog, Depends(_catalog)]
ReleaseWatcherDep = Annotated[ReleaseWatcher, Depends(_release_watcher)]

DatasetQuery = Annotated[
    str | None,
    Query(
        description="The dataset whose models to use. Defaults to the service's default dataset.", examples=["nino12"]
    ),
]
SERIES_DATASET: Final = (
    "The dataset whose models to use, unless the body names it. With neither it nor a full model name, the step of "
    "each series chooses the universal release that forecasts it."
)
SeriesDatasetQuery = Annotated[str | None, Query(description=SERIES_DATASET)]
ModelPath = Annotated[
    str,
    Path(
        description="The full name of a model, such as `nino12-gru`; or `rnn`, `lstm`, `gru` or `best`.",
        examples=["nino12-gru"],
    ),
]
