"""A service that is started again whenever it has died."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx

from tests.faults.faults import Faults
from tests.processes import SERVICE, Service, running


class Restarted:
    """A service whose writes are counted; as a context, it is killed at the end."""

    def __init__(self, artifacts: Path, faults: Faults, **settings: object) -> None:
        """Serve ``artifacts`` with these settings, as :func:`~tests.processes.running` does."""
        self.log: list[str] = []
        self._start = partial(running, artifacts, SERVICE, faults.environment, **settings)
        self._stack = ExitStack()

    def __enter__(self) -> "Restarted":
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._end()

    def kill(self) -> None:
        """Kill the service, which would take seconds to stop."""
        self.service.process.kill()
        self.service.process.wait()

    def restart(self) -> None:
        """Start the service again, which has died."""
        self.service.process.wait()
        self._end()
        self._begin()

    def _begin(self) -> None:
        self.service: Service = self._stack.enter_context(self._start())
        self.client = self._stack.enter_context(httpx.Client(base_url=self.service.url, timeout=600))

    def _end(self) -> None:
        self._stack.close()
        self.log += self.service.log
