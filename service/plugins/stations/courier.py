"""A process that sends one message through Apprise, or says which addresses Apprise understands.

Apprise resolves names and connects by itself, each of its services in its own way, and an address may name files to
send. An audit hook sees every connection and every file that Python opens, whichever library asks: it refuses
connections to addresses that are not public, files other than those of installed packages, and programs.
"""

import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

from forecasting.process_limits import limit_memory, limit_time, take_output
from service.plugins.stations.addresses import is_public

_MEMORY: Final = 512 * 2**20

_STATUS: Final = re.compile(r"\berror=(\d{3})")
"""The status of a response in what Apprise logs. The rest may repeat parts of the address."""

_CONNECTIONS: Final = ("socket.connect", "socket.sendto", "socket.sendmsg")
_PROGRAMS: Final = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")

Json = dict[str, Any]


class _Guard:
    """Refuses what an address must not make this process do. ``refused`` says what it was."""

    def __init__(self, packages: tuple[str, ...], *, allow_private: bool) -> None:
        self.refused = ""
        self._packages = packages
        self._allow_private = allow_private

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise an error that libraries handle like any other of the system."""
        if event in _CONNECTIONS and not self._may_connect(arguments[1]):
            self._refuse("private")
        if event == "open" and not self._may_open(arguments[0]):
            self._refuse("file")
        if event in _PROGRAMS:
            self._refuse("program")

    def _refuse(self, what: str) -> None:
        self.refused = what
        raise PermissionError(f"refused: {what}")

    def _may_connect(self, address: object) -> bool:
        if not isinstance(address, tuple):
            return False
        try:
            return self._allow_private or is_public(str(address[0]))
        except ValueError:
            # A name that is not resolved yet.
            return False

    def _may_open(self, path: object) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return True
        real = os.path.realpath(os.fsdecode(path))
        return real == os.devnull or real.startswith(self._packages)


class _Statuses(logging.Handler):
    """Keeps the last status that Apprise logs."""

    status: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Look for a status."""
        if found := _STATUS.search(record.getMessage()):
            self.status = int(found[1])


def _respond(request: Json) -> Json:
    import apprise  # the process has little time, and the parent can say that it is missing

    logger, statuses = logging.getLogger("apprise"), _Statuses()
    logger.addHandler(statuses)
    logger.propagate = False
    installed = (sys.prefix, sys.base_prefix, str(Path(apprise.__file__).parents[1]))
    packages = tuple(f"{os.path.realpath(folder)}{os.sep}" for folder in installed)
    guard = _Guard((*packages, *filter(None, [request["authorities"]])), allow_private=request["allow_private"])
    sys.addaudithook(guard)
    services = [apprise.Apprise.instantiate(address) for address in request["addresses"]]
    message = request["message"]
    if message is None:
        return {"understood": [service is not None for service in services], "refused": guard.refused}
    (service,) = services
    sent = service is not None and service.notify(body=message["body"], title=message["title"])
    return {"sent": bool(sent), "status": statuses.status, "refused": guard.refused}


def main() -> None:
    """Answer one request."""
    out = take_output()
    limit_memory(_MEMORY)
    request = json.loads(sys.stdin.buffer.read())
    limit_time(request["seconds"])
    if request["authorities"]:
        os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = request["authorities"]
    # Apprise asks for the current folder, and that of this process is gone.
    os.chdir(os.sep)
    answer = _respond(request)
    with out:
        out.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
