"""docker-compose.yml, started as an operator would, under a separate name and on a free port."""

import os
import subprocess
from dataclasses import dataclass, field
from functools import cache

from tests.conftest import ROOT
from tests.containers.engine import docker, inspect, is_stand_in

BASES = {
    "PYTHON_IMAGE": "python:3.11-slim",
    "HAPROXY_IMAGE": "haproxy:3.0",
    "POSTGRES_IMAGE": "postgres:17",
    "PROMETHEUS_IMAGE": "prom/prometheus:v3.5.0",
}
"""The tags of images that are named by digest, by the variables that replace them."""

PROJECT = "sst-containers-test"
IMAGES = {name: f"sst-forecasting-{name}:test" for name in ("service", "training", "scoring")}


@dataclass(frozen=True)
class Composition:
    """The services of these files."""

    files: tuple[str, ...] = ("docker-compose.yml",)
    settings: dict[str, str] = field(default_factory=dict)
    entrance: tuple[str, int] = ("http", 8080)

    @property
    def arguments(self) -> list[str]:
        """The options of docker compose that select this composition."""
        files = [argument for file in self.files for argument in ("-f", str(ROOT / file))]
        return ["--project-name", PROJECT, *files]

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables: one dataset, which trains in seconds, free ports, and stand-ins for public images."""
        defaults = {"SST_VERSION": "test", "SST_PORT": "0", "SST_HTTPS_PORT": "0", "DATASETS": "nino12"}
        return {**os.environ, **defaults, **_stand_ins(), **self.settings}

    @property
    def url(self) -> str:
        """Address of the proxy."""
        scheme, port = self.entrance
        return f"{scheme}://{self.compose('port', 'proxy', str(port))}"

    def compose(self, *arguments: str) -> str:
        """Run a command of docker compose, check that it succeeds, and return its output."""
        return self.run(["docker", "compose", *self.arguments, *arguments])

    def run(self, command: list[str]) -> str:
        """Run a command in the environment of the composition, check that it succeeds, and return its output."""
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=self.environment)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}\n{self.logs()}"
        return done.stdout.strip()

    def logs(self) -> str:
        """Return the logs of all containers."""
        command = ["docker", "compose", *self.arguments, "logs", "--no-color"]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=self.environment
        )
        return done.stdout

    def up(self, *services: str) -> None:
        """Start the services that are not running, and wait until they are healthy."""
        self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "300", *services)

    def down(self) -> None:
        """Remove every container, network and volume."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "2")

    def replicas(self) -> list[str]:
        """Return the ids of the service's containers."""
        return self.compose("ps", "--quiet", "service").split()

    def artifacts(self, command: str) -> str:
        """Run a shell command in the volume of releases, with write access, and return its output."""
        volume = f"{PROJECT}_artifacts:/app/artifacts"
        return docker("run", "--rm", "--network=none", "-v", volume, "-w", "/app/artifacts", IMAGES["training"],
                      "sh", "-c", command)  # fmt: skip


@cache
def _stand_ins() -> dict[str, str]:
    """Return the local images that were made where no registry can be reached. They have no digest of a registry."""
    return {variable: tag for variable, tag in BASES.items() if is_stand_in(tag)}


def kill(container: str) -> None:
    """Kill a container's process from outside, as in a crash, so that the engine restarts it."""
    pid = inspect(container)["State"]["Pid"]
    docker("run", "--rm", "--pid=host", "--user=0", IMAGES["service"], "python", "-c", f"import os; os.kill({pid}, 9)")


def ask(container: str, path: str) -> str:
    """Send a GET request to a replica from inside its container, and return the answer."""
    code = f"from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8000{path}').read().decode())"
    return docker("exec", container, "python", "-c", code)


def start_state(container: str) -> tuple[str, int, bool]:
    """Return when a container started, how often the engine has restarted it, and whether it ran out of memory."""
    details = inspect(container)
    return details["State"]["StartedAt"], details["RestartCount"], details["State"]["OOMKilled"]
