"""``python -m service``."""

import argparse
import logging.config
import os
import socket
import sys
from pathlib import Path

import uvicorn
from pydantic import ValidationError
from uvicorn.supervisors import Multiprocess

from forecasting.errors import ForecastError, RequestError
from service.app import open_registry
from service.logs import log_config
from service.metrics import shared_by_workers
from service.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; returns the exit status: 0 stopped, 2 refused with a sentence."""
    options = _parser().parse_args(arguments)
    # Workers are processes of their own, and read their settings from the environment.
    os.environ |= {f"SST_{name.upper()}": str(value) for name, value in vars(options).items() if value is not None}
    try:
        settings = Settings()
        models = open_registry(settings).models
        listener = _listen(settings)
    except ValidationError as error:
        first = error.errors()[0]
        print(f"service: SST_{str(first['loc'][0]).upper()}={first['input']}: {first['msg']}", file=sys.stderr)
        return 2
    except ForecastError as error:
        print(f"service: {error}", file=sys.stderr)
        return 2
    logging.config.dictConfig(log_config(settings))
    names = ", ".join(forecaster.metadata.model for forecaster in models)
    print(_greeting(settings, listener.getsockname()[1], names), flush=True)
    _serve(settings, listener)
    return 0


def _listen(settings: Settings) -> socket.socket:
    """A socket that listens: whoever connects from now on is answered as soon as the models are loaded."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2_048)
    except OSError as error:
        address = f"{settings.host} port {settings.port}"
        raise RequestError(f"cannot listen on {address}: {error.strerror}; choose another", field="port") from None
    listener.set_inheritable(True)
    return listener


def _serve(settings: Settings, listener: socket.socket) -> None:
    config = uvicorn.Config(
        "service.app:app_from_environment",
        factory=True,
        workers=settings.workers,
        log_config=log_config(settings),
        access_log=False,
        server_header=False,
    )
    if settings.workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
    else:
        with shared_by_workers():
            Multiprocess(config, sockets=[listener]).run()


def _greeting(settings: Settings, port: int, names: str) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}"
    return f"Serving {names} on {address} (documentation: {address}/docs). Try:\n\n  curl '{address}/forecast'\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Serve SST forecasts over HTTP.",
        epilog="Every option can be given in the environment: SST_HOST, SST_PORT, …; docs/service.md lists them all.",
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8000)")
    parser.add_argument("--artifacts", type=Path, help="folder of published releases (default: artifacts)")
    parser.add_argument("--workers", type=int, help="processes (default: 1)")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N (default: auto)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
