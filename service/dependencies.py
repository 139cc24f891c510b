"""What endpoints need, each named once."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Query, Request

from forecasting.registry import Registry
from service.errors import ProblemError
from service.settings import Settings


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _registry(request: Request) -> Registry:
    registry: Registry | None = getattr(request.state, "registry", None)
    if registry is None:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "the models are not loaded yet; try again soon")
    return registry


def _require_json(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        said = f"{media_type[:64]!r} is not" if media_type else "no media type was sent; it should be"
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{said} JSON: send the header Content-Type: application/json"
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a compressed body is not read here: send it as it is")


SettingsDep = Annotated[Settings, Depends(_settings)]
RegistryDep = Annotated[Registry, Depends(_registry)]
JsonBody = Depends(_require_json)

DatasetQuery = Annotated[str | None, Query(description="whose release; default: the default dataset")]
ModelQuery = Annotated[str, Query(description="best, all, rnn, lstm, gru, or a full name as nino12-gru")]
HorizonQuery = Annotated[int, Query(ge=1, description="steps ahead")]
