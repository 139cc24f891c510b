"""Asks the processes that read the folder of outlooks. Nothing else of the service waits for its disk."""

import asyncio
import json
import logging
from http import HTTPStatus
from pathlib import Path
from typing import Final

from forecasting.errors import UnknownNameError
from service.http.problems import ProblemError
from service.plugins.outlooks.process import MODULE, Answer
from service.worker.children import Child, Children

logger = logging.getLogger("service")

_SECONDS: Final = 60
"""After these, a process is ended. Until then, a slow disk gets the chance to answer the next request."""
_AT_ONCE: Final = 2
_MAX_WAITING: Final = 100
"""Questions that wait, also of requests that have been given up."""

_Answered = tuple[Answer, bytes]


class OutlookReader(Children):
    """Reads the folder of outlooks, in processes that start with the first request and then wait for the next."""

    def __init__(self, folder: Path | None, patience: float) -> None:
        """Read ``folder``; None if there is none. A request waits ``patience`` seconds for its answer."""
        arguments = ("-m", MODULE, str((folder or Path()).absolute()))
        super().__init__(arguments, at_once=_AT_ONCE, max_idle=_AT_ONCE)
        self._folder, self._patience, self._work = folder, patience, set[asyncio.Task[None]]()

    async def ask(self, function: str, **arguments: str | float) -> bytes:
        """Return what a function of :mod:`service.plugins.outlooks.answers` returns."""
        if self._folder is None:
            raise UnknownNameError(
                "this service has no outlooks: make one with sst outlook GRID -o FOLDER, set SST_OUTLOOKS=FOLDER, and "
                "start the service again"
            )
        if len(self._work) >= _MAX_WAITING:
            raise _unavailable()
        answered: asyncio.Future[_Answered] = asyncio.get_running_loop().create_future()
        work = asyncio.create_task(self._ask([function, arguments], answered))
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        try:
            answer, content = await asyncio.wait_for(answered, self._patience)
        except TimeoutError:
            logger.warning("the folder of outlooks did not answer within %g s", self._patience)
            raise _unavailable() from None
        for line in answer.log:
            logger.warning("%s", line)
        if answer.detail:
            raise ProblemError(HTTPStatus(answer.status), answer.detail)
        return content

    async def _ask(self, question: object, answered: asyncio.Future[_Answered]) -> None:
        try:
            try:
                answer = await self._ask_one(question, answered)
            except (EOFError, ConnectionError):
                # It may have been ended before, as the first when memory is short.
                answer = await self._ask_one(question, answered)
            if answer is not None and not answered.done():
                answered.set_result(answer)
        except (OSError, EOFError, ValueError, TypeError, asyncio.LimitOverrunError) as error:
            logger.warning("the process that reads outlooks has failed: %s", str(error) or type(error).__name__)
            if not answered.done():
                answered.set_exception(_unavailable())

    async def _ask_one(self, question: object, answered: asyncio.Future[_Answered]) -> _Answered | None:
        """Ask a process; None if nobody waits any more.

        Its turn ends with it: one that cannot even be killed, as its disk hangs, keeps its own.
        """
        async with self.lend() as child:
            if answered.done():
                return None
            child.is_reusable = False
            async with asyncio.timeout(_SECONDS):
                answer = await _answer_of(child, question)
            child.is_reusable = True
            return answer

    async def close(self) -> None:
        """End the processes; one that cannot be killed is left behind."""
        work = {*self._work}
        for each in work:
            each.cancel()
        if work:
            await asyncio.wait(work, timeout=1)
        await super().close()


async def _answer_of(child: Child, question: object) -> _Answered:
    child.stdin.write(json.dumps(question).encode() + b"\n")
    answer = Answer(**json.loads(await child.stdout.readuntil()))
    return answer, await child.stdout.readexactly(answer.size)


def _unavailable() -> ProblemError:
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the outlooks cannot be read at the moment, as their disk or a process that reads them does not answer; try "
        "again later",
        headers={"Retry-After": "10"},
    )
