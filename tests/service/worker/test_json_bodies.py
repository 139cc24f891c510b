"""A large body is read part by part, and means what it means when it is read at once."""

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from forecasting.requests import UnknownFieldsError
from service.api.events import EventsRequest
from service.api.forecast.schemas import ForecastRequest
from service.http.problems import invalid_body
from service.worker.json_bodies import LARGE_BYTES, read_json

LONG = b'{"id":"a]}\\"[{","start":"2000-01-01","values":[' + b",".join([b"24.5", b"null"] * (LARGE_BYTES // 8)) + b"]}"
SHORT = b'{"values":[1]}'


def at_once(model: type[BaseModel], content: bytes) -> object:
    """Return what pydantic reads, or the errors that a client gets."""
    try:
        return model.__pydantic_validator__.validate_json(content, context=[])
    except (ValidationError, UnknownFieldsError) as error:
        return invalid_body(content, error).errors()


def in_parts(model: type[BaseModel], content: bytes) -> object:
    try:
        return read_json(model, content, max_series=10, max_bytes=2**30)
    except RequestValidationError as error:
        return error.errors()


@pytest.mark.parametrize(
    ("model", "content"),
    [
        (ForecastRequest, b'{"horizon":2,"series":[%s,%s , \n%s],"units":"kelvin"}' % (LONG, SHORT, LONG)),
        (ForecastRequest, b'{"s\\u0065ries":[%s,%s]}' % (SHORT, LONG)),
        (ForecastRequest, b'{"series":[%s],"series":[%s,%s]}' % (LONG, SHORT, SHORT)),
        (ForecastRequest, b'{"events":[{"name":"a","above":1}],"series":[%s,%s]}' % (SHORT, LONG)),
        (ForecastRequest, b'{"series":[%s,{"values":["a"],"step":7}]}' % LONG),
        (ForecastRequest, b'{"series":[{"values":["a"]},%s],"horizon":"a"}' % LONG),
        (ForecastRequest, b'{"series":[%s,1,{}]}' % LONG),
        (ForecastRequest, b'{"series":[%s,[1],{}]}' % LONG),
        (ForecastRequest, b'{"series":[%s %s]}' % (LONG, SHORT)),
        (ForecastRequest, b'{"series":[%s,,%s]}' % (LONG, SHORT)),
        (ForecastRequest, b'{"series":[%s,%s,]}' % (LONG, SHORT)),
        (ForecastRequest, b'{"series":[%s,{"values":[1}]]}' % LONG),
        (ForecastRequest, b'{"series":[%s,{"values":[1]}' % LONG),
        (ForecastRequest, b'{"series":[%s,{"id":"a' % LONG),
        (ForecastRequest, b'[{"series":[%s,%s]}]' % (LONG, SHORT)),
        (ForecastRequest, b'{"model":"%s"}' % LONG.replace(b'"', b"")),
        (ForecastRequest, b'{"series":[%s,{%s}]}' % (LONG, b",".join(b'"%d":1' % i for i in range(60)))),
        (EventsRequest, b'{"baseline":{"climatology":[1]},"series":[%s,%s]}' % (LONG, SHORT)),
    ],
)
def test_a_large_body_is_read_as_if_at_once(model: type[BaseModel], content: bytes) -> None:
    assert len(content) > LARGE_BYTES
    assert in_parts(model, content) == at_once(model, content)
