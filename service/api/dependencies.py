"""What endpoints need, each named once."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from forecasting.releases.registry import Registry
from service.api.uploads.grid_files import GridFiles
from service.engine.lifecycle import Lifecycle
from service.engine.release_watcher import ReleaseWatcher
from service.engine.serving import Serving
from service.http.problems import ProblemError, about_to_stop
from service.settings import Settings


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _lifecycle(request: Request) -> Lifecycle:
    lifecycle: Lifecycle = request.app.state.lifecycle
    return lifecycle


def ready(lifecycle: "LifecycleDep") -> Serving:
    """What requests are answered from.

    Raises:
        ProblemError: 503 until the models are loaded.
    """
    if lifecycle.serving is None:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the models are not loaded yet; try again soon",
            headers={"Retry-After": "1"},
            reason="not_ready",
        )
    return lifecycle.serving


def refuse_draining(lifecycle: Lifecycle) -> None:
    """Whether the process goes on.

    Raises:
        ProblemError: 503 if it is about to stop.
    """
    if lifecycle.draining:
        raise about_to_stop()


def _grid_files(request: Request) -> GridFiles:
    grid_files: GridFiles = request.app.state.grid_files
    return grid_files


async def _repository(request: Request, serving: "ServingDep") -> ReleaseWatcher:
    # Asked for behind what serves, which is there only once it is.
    repository: ReleaseWatcher = request.app.state.repository
    return repository


def _registry(serving: "ServingDep") -> Registry:
    return serving.registry


GridFilesDep = Annotated[GridFiles, Depends(_grid_files)]
SettingsDep = Annotated[Settings, Depends(_settings)]
LifecycleDep = Annotated[Lifecycle, Depends(_lifecycle)]
ServingDep = Annotated[Serving, Depends(ready)]
RegistryDep = Annotated[Registry, Depends(_registry)]
RepositoryDep = Annotated[ReleaseWatcher, Depends(_repository)]

DatasetQuery = Annotated[
    str | None, Query(description="whose release; default: the default dataset", examples=["nino12"])
]
ModelPath = Annotated[
    str, Path(description="full name as nino12-gru, rnn, lstm, gru, or best", examples=["nino12-gru"])
]
HorizonQuery = Annotated[int, Query(ge=1, le=10_000, description="steps ahead")]
