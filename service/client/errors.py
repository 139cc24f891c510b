"""The exceptions of the client.

ServiceError
├── ProblemError      the service refused the request; carries the problem document
├── UnavailableError  there was no response
└── AnswerError       the response is not from the service
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx

_MAX_QUOTED = 200
"""Characters of another server's response that a message quotes."""


class ServiceError(Exception):
    """The base class of the exceptions that a client raises when a request fails."""


class UnavailableError(ServiceError):
    """There was no response: the connection failed, or the request timed out."""


class AnswerError(ServiceError):
    """The response is not from the service. The address probably belongs to another server."""


class Place(NamedTuple):
    """A place in a request, such as ``body.series[0].values[3]``, and what is wrong there."""

    location: str
    message: str


class ProblemError(ServiceError):
    """The service, or a proxy in front of it, responded with an error.

    Attributes:
        status: the HTTP status code.
        title: the phrase for the status code.
        detail: what is wrong, where, and what to do.
        errors: for a 422, each place where something is wrong.
        request_id: the ID of the request in the service's log; None if the response has none.
        problem: the problem document (RFC 9457); empty if the response is something else.
        retry_after: the seconds to wait before a retry; None if the response does not say.
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
        # Unpickling calls the class with these arguments, so all of them are here, in order.
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
    """Return the exception for a response with an error status."""
    problem = _document(response)
    status = response.status_code
    return ProblemError(
        status,
        str(problem.get("title") or httpx.codes.get_reason_phrase(status) or "Error"),
        str(problem.get("detail") or _describe(response, address)),
        _places(problem.get("errors")),
        problem.get("request_id") or response.headers.get("X-Request-ID"),
        problem,
        retry_after,
    )


def no_response(error: httpx.RequestError, address: str, tries: int) -> UnavailableError:
    """Return the exception for a request without a response."""
    after = f" after {tries} tries" if tries > 1 else ""
    reason = str(error) or type(error).__name__
    remedy = "is the service running there?"
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        remedy = "raise the client's timeout, or lower its max_series to send smaller requests"
    return UnavailableError(f"no response from {address}{after} ({reason}): {remedy}")


def unexpected_response(response: httpx.Response, address: str) -> AnswerError:
    """Return the exception for a successful response that does not have the expected form."""
    return AnswerError(
        f"{address} responded with status {response.status_code} and {_kind(response)}, which is not from the SST "
        "service: check the client's base URL"
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


def _describe(response: httpx.Response, address: str) -> str:
    """Return a message for an error response that has none."""
    if response.has_redirect_location:
        return f"{address} redirects to {response.headers['Location'][:_MAX_QUOTED]}: use that base URL"
    text = " ".join(response.text.split())
    quoted = f"; it begins {text[:_MAX_QUOTED]!r}" if text else ""
    return f"{address} responded with {_kind(response)} and no problem document, so it may be a proxy{quoted}"


def _kind(response: httpx.Response) -> str:
    media_type: str = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type or "no media type"
