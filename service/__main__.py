"""``python -m service``."""

# ruff: noqa: E402

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final


def _exit(number: int, frame: FrameType | None) -> None:
    """Exit at once, since nothing has started. Code that is being imported could catch an exception."""
    os._exit(0)


if __name__ in ("__main__", "__mp_main__"):
    # The imports below take seconds. The server and the supervisor install handlers of their own.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)

from forecasting.extras import exit_without_extra

with exit_without_extra("service", "The service"):
    from pydantic import SecretStr, ValidationError

    from forecasting.console import Program, add_version, discard_output, name_as_module
    from forecasting.errors import ForecastError, RequestError
    from forecasting.releases.catalog import Catalog
    from service import keys_cli
    from service.app import create_app
    from service.engine.releases.published_releases import PublishedReleases, open_catalog
    from service.engine.releases.worker_bus import WorkerBus
    from service.middleware.access import refuse_open_bind
    from service.middleware.keys import read_keys
    from service.plugin import load_plugins
    from service.plugins import PLUGINS
    from service.server import Supervisor, serve
    from service.settings import Settings, invalid_settings, stated_log_format, unknown_settings
    from service.telemetry.logs import configure_logs, is_json, starting_logs
    from service.telemetry.tracing import describe_process

logger = logging.getLogger("service")

SERVE: Final = Program("serve")

_MAX_OPEN_FILES: Final = 65_536


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Returns the exit status: 0 after a stop, 2 if the service could not start."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["key"]:
        return keys_cli.COMMAND.main(arguments[1:])
    options = _parser().parse_args(arguments)
    _allow_open_files()
    os.environ |= {f"SST_{name.upper()}": str(value) for name, value in vars(options).items() if value is not None}
    describe_process(os.environ)
    log_format = stated_log_format(os.environ)
    with starting_logs(log_format):
        try:
            settings, catalog, listener = _start()
        except ValidationError as error:
            return _refuse(invalid_settings(error), log_format)
        except ForecastError as error:
            return _refuse([str(error)], log_format)
        except Exception:
            logger.critical("the service cannot start because of an unexpected error", exc_info=True)
            return 1
    with _noted_signals() as signals:
        configure_logs(settings)
        for message in unknown_settings(os.environ):
            logger.warning(message)
        _print(_greeting(settings, listener.getsockname()[1]))
        if catalog is None:
            try:
                return Supervisor(create_app, settings, listener).run(signals)
            except ForecastError as error:
                return _refuse([str(error)], log_format)
        serve(settings, listener, create_app(settings, catalog, WorkerBus()), signals)
    return 0


@contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """Collect signals that come before the server handles them: clients can connect, and a stop has to answer them."""
    signals: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda number, frame: signals.append(number)) for number in numbers]
    try:
        yield signals
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _start() -> tuple[Settings, Catalog | None, socket.socket]:
    """Return the settings, the models if one process serves them, and the socket that it listens on."""
    settings = Settings()
    keys = read_keys(settings)
    refuse_open_bind(settings, keys)
    plugins = load_plugins(settings.plugins, PLUGINS)
    for plugin in plugins.values():
        if plugin.check:
            plugin.check(settings)
    # A worker that replaces another gets the same keys, even if the file has changed, and the same plug-ins.
    same = {"keys": SecretStr(keys.lines), "keys_file": None, "plugins": ",".join(plugins) or "none"}
    settings = settings.model_copy(update=same)
    PublishedReleases.of(settings)
    # A single worker uses the models that are loaded here; several load their own.
    catalog = open_catalog(settings) if settings.workers == 1 else None
    return settings, catalog, _listen(settings)


def _refuse(messages: Iterable[str], log_format: str) -> int:
    """Say why the service cannot start, as a log line where programs read them; return the exit status."""
    for message in messages:
        if is_json(log_format):
            logger.critical("%s", message)
        else:
            SERVE.say(message)
    return 2


def _allow_open_files() -> None:
    """Raise the limit of open files, since each connection takes one; the usual limit is about a thousand."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
        if soft != resource.RLIM_INFINITY and soft < limit:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _listen(settings: Settings) -> socket.socket:
    """Return a listening socket. Clients can connect at once, and are answered when the models are loaded."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # "::" means every address, including those of IPv4.
    both = settings.host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=2_048, dualstack_ipv6=both
        )
    except OSError as error:
        address = f"{settings.host} port {settings.port}"
        raise RequestError(f"cannot listen on {address}: {error.strerror}; choose another port", field="port") from None
    listener.set_inheritable(True)
    return listener


def _print(text: str) -> None:
    """Print ``text``. A closed output or a full disk does not keep the service from serving."""
    try:
        print(text, flush=True)
    except OSError:
        discard_output()


def _greeting(settings: Settings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}"
    return f"Serving on {address} (documentation: {address}/docs). Try:\n\n  curl '{address}/forecast'\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=SERVE.name,
        allow_abbrev=False,
        description="Serve SST forecasts over HTTP.",
        epilog="Each option is also an environment variable: SST_HOST, SST_PORT and so on. "
        "docs/reference/settings.md lists all settings. "
        f"{keys_cli.KEY.name} makes an API key.",
    )
    add_version(parser)
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", help="port to listen on (default: 8000)")
    parser.add_argument(
        "--artifacts",
        metavar="DIR|URL",
        help="folder of releases, or a URL such as s3://bucket/artifacts (default: artifacts, else the bundled "
        "releases)",
    )
    parser.add_argument("--workers", metavar="N", help="number of processes (default: 1)")
    parser.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N (default: auto)")
    return parser


if __name__ == "__main__":
    # sst serve runs this module too.
    if "sst" not in sys.modules:
        name_as_module("service", "serve")
    sys.exit(main())
