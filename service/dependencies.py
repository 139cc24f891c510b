"""What endpoints need, each named once."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from forecasting.registry import Registry
from service.errors import ProblemError
from service.schemas import ForecastRequest
from service.settings import Settings


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _registry(request: Request) -> Registry:
    registry: Registry | None = getattr(request.state, "registry", None)
    if registry is None:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the models are not loaded yet; try again soon",
            headers={"Retry-After": "1"},
        )
    return registry


async def _forecast_body(request: Request) -> ForecastRequest:
    """The body, read here rather than by FastAPI: the media type is checked before, and JSON has no NaN."""
    _require_json(request)
    try:
        return ForecastRequest.model_validate_json(await request.body())
    except ValidationError as error:
        places = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in places]) from None


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
ForecastBody = Annotated[ForecastRequest, Depends(_forecast_body)]

DatasetQuery = Annotated[str | None, Query(description="whose release; default: the default dataset")]
ModelQuery = Annotated[str, Query(description="best, all, rnn, lstm, gru, or a full name as nino12-gru")]
ModelPath = Annotated[str, Path(description="full name as nino12-gru, rnn, lstm, gru, or best")]
HorizonQuery = Annotated[int, Query(ge=1, le=10_000, description="steps ahead")]
