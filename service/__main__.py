"""``python -m service``."""

# ruff: noqa: E402

import argparse
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Final


def _leave(number: int, frame: FrameType | None) -> None:
    """End at once: nothing has been begun. An exception could be caught by what is being imported or loaded."""
    os._exit(0)


if __name__ in ("__main__", "__mp_main__"):
    # Until what serves, or keeps workers, has its own: the imports below take seconds.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)

from pydantic import SecretStr, ValidationError

from forecasting.console import give_up_output
from forecasting.errors import ForecastError, RequestError
from service.app import create_app
from service.engine.release_watcher import open_registry
from service.engine.worker_bus import WorkerBus
from service.gate import keys_cli
from service.gate.keys import read_keys
from service.gate.policy import refuse_open_bind
from service.server.process import serve
from service.server.supervisor import Supervisor
from service.settings import Settings, unknown_settings, unusable_settings
from service.telemetry.logs import configure_logs

logger = logging.getLogger("service")

_OPEN_FILES: Final = 65_536


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; returns the exit status: 0 stopped, 2 refused with a sentence."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["key"]:
        return keys_cli.main(arguments[1:])
    options = _parser().parse_args(arguments)
    _allow_open_files()
    os.environ |= {f"SST_{name.upper()}": str(value) for name, value in vars(options).items() if value is not None}
    try:
        settings = Settings()
        keys = read_keys(settings)
        refuse_open_bind(settings, keys)
        # A worker that replaces another has the same, whatever has become of the file.
        settings = settings.model_copy(update={"keys": SecretStr(keys.lines), "keys_file": None})
        # Several workers load for themselves; one uses what is loaded here.
        registry = open_registry(settings) if settings.workers == 1 else None
        listener = _listen(settings)
    except ValidationError as error:
        for said in unusable_settings(error):
            print(f"service: {said}", file=sys.stderr)
        return 2
    except ForecastError as error:
        print(f"service: {error}", file=sys.stderr)
        return 2
    configure_logs(settings)
    for said in unknown_settings(os.environ):
        logger.warning(said)
    _say(_greeting(settings, listener.getsockname()[1]))
    if registry is None:
        try:
            return Supervisor(create_app, settings, listener).run()
        except ForecastError as error:
            print(f"service: {error}", file=sys.stderr)
            return 2
    serve(settings, listener, create_app(settings, registry, WorkerBus()))
    return 0


def _allow_open_files() -> None:
    """Take as many as the system lets a process have: a connection is one, and idle ones take the usual thousand."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listen(settings: Settings) -> socket.socket:
    """A socket that listens: whoever connects from now on is answered as soon as the models are loaded."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # "Every address" means those of IPv4 too.
    both = settings.host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=2_048, dualstack_ipv6=both
        )
    except OSError as error:
        address = f"{settings.host} port {settings.port}"
        raise RequestError(f"cannot listen on {address}: {error.strerror}; choose another", field="port") from None
    listener.set_inheritable(True)
    return listener


def _say(text: str) -> None:
    """Print ``text``; that nobody reads it, or a full disk takes no more, is no reason not to serve."""
    try:
        print(text, flush=True)
    except OSError:
        give_up_output()


def _greeting(settings: Settings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}"
    return f"Serving on {address} (documentation: {address}/docs). Try:\n\n  curl '{address}/forecast'\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Serve SST forecasts over HTTP.",
        epilog="Every option can be given in the environment: SST_HOST, SST_PORT, …; docs/reference/settings.md lists "
        "them all. python -m service key makes an API key.",
    )
    parser.add_argument("--version", action="version", version=version("sst-forecasting"))
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8000)")
    parser.add_argument("--artifacts", type=Path, help="folder of published releases (default: artifacts)")
    parser.add_argument("--workers", type=int, help="processes (default: 1)")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N (default: auto)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
