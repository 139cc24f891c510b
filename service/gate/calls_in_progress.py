"""The calls that the gate is answering, and their deadlines."""

import asyncio
from typing import Final

from service.gate.call import Call
from service.gate.policy import REPOSITORY

_OVERDUE_CHECK_SECONDS: Final = 0.25
"""Seconds between checks for overdue calls. One timer checks all of them, since one each is slower."""


class CallsInProgress:
    """The calls in progress, in the order of their deadlines."""

    def __init__(self, request_seconds: float) -> None:
        """``request_seconds`` is the longest time that a call may take."""
        self._request_seconds = request_seconds
        self._calls: dict[Call, None] = {}
        self._overdue_check: asyncio.TimerHandle | None = None

    def add(self, call: Call) -> None:
        """Add a call with the deadline that :meth:`next_deadline` returned for it."""
        self._calls[call] = None

    def remove(self, call: Call) -> None:
        """Remove a call that has ended."""
        del self._calls[call]

    def renew_deadline(self, call: Call) -> None:
        """Give a call a new deadline, and move it to the matching place among the others."""
        self.remove(call)
        call.deadline = self.next_deadline()
        self.add(call)

    def next_deadline(self) -> float:
        """Return the deadline of a call that begins now, in the event loop's time."""
        loop = asyncio.get_running_loop()
        if self._overdue_check is None:
            self._overdue_check = loop.call_later(_OVERDUE_CHECK_SECONDS, self._cancel_overdue)
        return loop.time() + self._request_seconds

    def _cancel_overdue(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for call in self._calls:
            # Calls are in the order of their deadlines.
            if call.deadline > now:
                break
            if not call.overdue:
                call.overdue = True
                call.task.cancel()
        self._overdue_check = loop.call_later(_OVERDUE_CHECK_SECONDS, self._cancel_overdue) if self._calls else None

    def cancel_for(self, scope: object) -> None:
        """Cancel the call with this scope, whose client has gone. Loading and unloading models is not cancelled."""
        call = next((call for call in self._calls if call.scope is scope), None)
        if call is None or call.status or call.left or call.scope["path"].startswith(REPOSITORY):
            return
        call.left = True
        call.task.cancel()
