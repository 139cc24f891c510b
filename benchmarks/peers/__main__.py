"""``python -m benchmarks.peers [NAME…]``: LitServe, BentoML and MLServer under the same load as the service."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.support import load, machine
from benchmarks.support.comparison import Row, compare
from benchmarks.support.payloads import Stretch, simple_bodies, stretches, write
from benchmarks.support.servers import ECHO, NO_OP, SERVICE, Program, serving
from forecasting.releases.catalog import load_forecaster
from forecasting.releases.release import open_current

_HERE: Final = Path(__file__).parent
_ENVIRONMENTS: Final = Path(".venv-peers")
_BODIES: Final = 500
_ROUNDS: Final = 3
_TOLERANCE: Final = 1e-5


@dataclass(frozen=True)
class Peer:
    """A model server."""

    package: str
    command: tuple[str, ...]
    path: str
    body: Callable[[Stretch], dict[str, Any]]
    value: Callable[[Any], float]


def _litserve_body(stretch: Stretch) -> dict[str, Any]:
    return {"sst": stretch.values.tolist(), "valid_time": stretch.valid_time}


def _bentoml_body(stretch: Stretch) -> dict[str, Any]:
    return {"rows": [[*stretch.values.tolist(), stretch.valid_time]]}


def _mlserver_body(stretch: Stretch) -> dict[str, Any]:
    sst = {"name": "sst", "datatype": "FP32", "shape": [1, len(stretch.values)], "data": stretch.values.tolist()}
    return {"inputs": [sst, {"name": "valid_time", "datatype": "FP64", "shape": [1, 1], "data": [stretch.valid_time]}]}


_BENTOML: Final = ("-m", "bentoml", "serve", "bentoml_server:Sst", "--host", "127.0.0.1", "--port", "{port}")
PEERS: Final = (
    Peer("litserve", ("litserve_server.py", "{port}"), "/predict", _litserve_body, lambda answer: answer["forecast"]),
    Peer("bentoml", _BENTOML, "/forecast", _bentoml_body, lambda answer: answer[0]),
    Peer(
        "mlserver",
        ("mlserver_server.py", "{port}"),
        "/v2/models/gru/infer",
        _mlserver_body,
        lambda answer: answer["outputs"][0]["data"][0],
    ),
)


def main() -> None:
    """Print the table."""
    names = [peer.package for peer in PEERS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(names)} (default: all)")
    chosen = parser.parse_args().names or names
    unknown = [name for name in chosen if name not in names]
    if unknown:
        parser.error(f"unknown peer {unknown[0]}; choose from {', '.join(names)}")
    if not load.is_available():
        parser.exit(1, f"{load.INSTALL}\n")
    for line in machine.describe():
        print(line)
    with ExitStack() as stack:
        _compare([peer for peer in PEERS if peer.package in chosen], stack)


def _compare(peers: list[Peer], stack: ExitStack) -> None:
    simple = simple_bodies(_BODIES)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    file = write(folder / "simple", simple)
    rows = [
        Row(program.name, stack.enter_context(serving(program, simple[0])).url, file)
        for program in (ECHO, NO_OP, SERVICE)
    ]
    for peer in peers:
        python = _environment(peer)
        bodies = [json.dumps(peer.body(stretch), separators=(",", ":")).encode() for stretch in stretches(_BODIES)]
        program = Program(peer.package, (python, *peer.command), peer.path, _folder(peer, folder))
        server = stack.enter_context(serving(program, bodies[0]))
        _check(peer, [server.post(body) for body in bodies])
        rows.append(Row(_version(python, peer.package), server.url, write(folder / f"{peer.package}.bodies", bodies)))
    for line in compare(rows[0], rows[1], rows[2:], _ROUNDS):
        print(line, flush=True)


def _check(peer: Peer, responses: list[bytes]) -> None:
    """Raise RuntimeError if the forecasts of the peer differ from those of the network."""
    drawn = stretches(len(responses))
    forecaster = load_forecaster("nino12-gru")
    windows = np.array([stretch.values for stretch in drawn])
    times = np.array([stretch.times[-1] for stretch in drawn])
    forecasts = [peer.value(json.loads(response)) for response in responses]
    error = np.abs(forecaster.roll(windows, times, 1)[:, 0] - forecasts).max()
    if error > _TOLERANCE:
        raise RuntimeError(f"{peer.package} is off by up to {error} °C")


def _environment(peer: Peer) -> str:
    """The Python of the peer's environment, which is created if it does not exist."""
    folder = _ENVIRONMENTS / peer.package
    python = folder.absolute() / "bin" / "python"
    requirements = _HERE / f"{peer.package}.txt"
    installed = folder / "installed.txt"
    if not installed.exists() or installed.read_bytes() != requirements.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)
        shutil.copy(requirements, installed)
    return str(python)


def _folder(peer: Peer, parent: Path) -> Path:
    """Make a folder to run in, with the server's code and the checkpoint of the service."""
    folder = parent / peer.package
    folder.mkdir()
    shutil.copy(_HERE / f"{peer.package}_server.py", folder)
    (folder / "gru.pt").write_bytes(open_current(Path("artifacts"), "nino12").read("gru.pt"))
    return folder


def _version(python: str, package: str) -> str:
    command = [python, "-c", f"from importlib.metadata import version; print(version('{package}'))"]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return f"{package} {version}"


if __name__ == "__main__":
    main()
