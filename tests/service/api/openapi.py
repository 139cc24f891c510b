"""The OpenAPI document, made once for all tests that read it."""

from functools import cache

from service.app import create_app
from service.settings import Settings
from tests.service.requests import Json


@cache
def openapi_document() -> Json:
    document: Json = create_app(Settings()).openapi()
    return document
