"""The store's errors as problem documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from service.http.problems import ProblemError
from service.store.database.errors import (
    NoForecastError,
    NotOwnerError,
    StepChangeError,
    StoreError,
    UnknownReadingError,
    UnknownStationError,
)


@contextmanager
def store_problems() -> Iterator[None]:
    """Turn errors of the store into problems: 403 for another key's station, 404, 409 for another step, else 503."""
    try:
        yield
    except (UnknownStationError, UnknownReadingError, NoForecastError) as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None
    except NotOwnerError as error:
        raise ProblemError(HTTPStatus.FORBIDDEN, str(error), reason="forbidden") from None
    except StepChangeError as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
    except StoreError as error:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": "10"}) from None
