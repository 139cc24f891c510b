"""What goes wrong between a caller and the service.

ServiceError
├── ProblemError      it was refused: carries the problem document
├── UnavailableError  no answer came
└── AnswerError       the answer is none of the service's
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx

_SHOWN = 200
"""Characters of a foreign answer that a message quotes."""


class ServiceError(Exception):
    """The root of what a client raises when a request fails."""


class UnavailableError(ServiceError):
    """No answer came: nothing listens there, the connection broke off, or the time-out passed."""


class AnswerError(ServiceError):
    """An answer came that the service does not give: the address is likely another server's."""


class Place(NamedTuple):
    """Where in a request something is wrong, as ``body.series[0].values[3]``, and what."""

    location: str
    message: str


class ProblemError(ServiceError):
    """The service, or a proxy before it, answered with an error.

    Attributes:
        status: of HTTP.
        title: the status in words.
        detail: what is wrong, where, and what to do.
        errors: each place, for a 422.
        request_id: to be found in the service's log; None where the answer has none.
        problem: the problem document (RFC 9457) as it came; empty where the answer is none.
        retry_after: seconds that the answer asks to wait; None where it does not say.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: Sequence[Place] = (),
        request_id: str | None = None,
        problem: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        # All of them, in order: this is what unpickling calls the class with.
        super().__init__(status, title, detail, errors, request_id, problem, retry_after)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.request_id = request_id
        self.problem = problem or {}
        self.retry_after = retry_after

    def __str__(self) -> str:
        """``422 Unprocessable Entity: series 'pier': … (request 6f…)``."""
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.status} {self.title}: {self.detail}{request}"


def refusal(response: httpx.Response, address: str, retry_after: float | None) -> ProblemError:
    """The exception that an answer with an error status stands for."""
    problem = _document(response)
    status = response.status_code
    return ProblemError(
        status,
        str(problem.get("title") or _phrase(status)),
        str(problem.get("detail") or _foreign(response, address)),
        _places(problem.get("errors")),
        problem.get("request_id") or response.headers.get("X-Request-ID"),
        problem,
        retry_after,
    )


def no_answer(error: httpx.RequestError, address: str, tries: int) -> UnavailableError:
    """The exception that a failure to be answered stands for."""
    after = f" after {tries} tries" if tries > 1 else ""
    reason = str(error) or type(error).__name__
    remedy = "is the service running there?"
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        remedy = "raise the client's timeout, or lower its max_series so that each request asks for less"
    return UnavailableError(f"no answer from {address}{after} ({reason}): {remedy}")


def not_understood(response: httpx.Response, address: str) -> AnswerError:
    """The exception that a success with content of another shape stands for."""
    return AnswerError(
        f"{address} answered {response.status_code} with {_kind(response)} that is no answer of the SST service: "
        "check the client's base URL"
    )


def _document(response: httpx.Response) -> dict[str, Any]:
    if not _kind(response).endswith("json"):
        return {}
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _places(errors: object) -> list[Place]:
    if not isinstance(errors, list):
        return []
    entries = [entry for entry in errors if isinstance(entry, dict)]
    return [Place(str(entry.get("location", "")), str(entry.get("message", ""))) for entry in entries]


def _foreign(response: httpx.Response, address: str) -> str:
    """A sentence for an error that came without one."""
    if response.has_redirect_location:
        return f"{address} redirects to {response.headers['Location'][:_SHOWN]}: give the client that base URL"
    text = " ".join(response.text.split())
    quoted = f"; it begins {text[:_SHOWN]!r}" if text else ""
    return f"{address} answered with {_kind(response)} and no problem document, as a proxy does{quoted}"


def _kind(response: httpx.Response) -> str:
    media_type: str = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type or "no media type"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
