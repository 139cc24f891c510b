"""docker-compose.yml brought up as an operator does, under a name and on a port of its own."""

import os
import subprocess
from dataclasses import dataclass, field

from tests.conftest import ROOT
from tests.containers.engine import docker, inspect

PROJECT = "sst-containers-test"
IMAGES = {name: f"sst-forecasting-{name}:test" for name in ("service", "training", "scoring")}


@dataclass(frozen=True)
class Composition:
    """Services from these files.

    Attributes:
        files: docker-compose.yml, and what is laid over it.
        settings: environment of the composition besides the tests' own.
        entrance: the proxy's port, and how it is spoken to.
    """

    files: tuple[str, ...] = ("docker-compose.yml",)
    settings: dict[str, str] = field(default_factory=dict)
    entrance: tuple[str, int] = ("http", 8080)

    @property
    def arguments(self) -> list[str]:
        """Of docker compose: which composition is meant."""
        files = [argument for file in self.files for argument in ("-f", str(ROOT / file))]
        return ["--project-name", PROJECT, *files]

    @property
    def environment(self) -> dict[str, str]:
        """One dataset, which trains in seconds, and whichever ports are free."""
        own = {"SST_VERSION": "test", "SST_PORT": "0", "SST_HTTPS_PORT": "0", "DATASETS": "nino12"}
        return {**os.environ, **own, **self.settings}

    @property
    def url(self) -> str:
        """Where the proxy answers."""
        scheme, port = self.entrance
        return f"{scheme}://{self.compose('port', 'proxy', str(port))}"

    def compose(self, *arguments: str) -> str:
        """What a command prints; it must succeed."""
        return self.run(["docker", "compose", *self.arguments, *arguments])

    def run(self, command: list[str]) -> str:
        """A command with the composition's environment."""
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=self.environment)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}\n{self.logs()}"
        return done.stdout.strip()

    def logs(self) -> str:
        """What every container has written."""
        command = ["docker", "compose", *self.arguments, "logs", "--no-color"]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=self.environment
        )
        return done.stdout

    def up(self, *services: str) -> None:
        """Start what is not running, and wait until it is healthy."""
        self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "300", *services)

    def down(self) -> None:
        """Remove every container, network and volume."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "2")

    def replicas(self) -> list[str]:
        """Identities of the service's containers."""
        return self.compose("ps", "--quiet", "service").split()

    def artifacts(self, command: str) -> str:
        """What a shell command prints that may write to the volume of releases, from its folder."""
        volume = f"{PROJECT}_artifacts:/app/artifacts"
        return docker("run", "--rm", "--network=none", "-v", volume, "-w", "/app/artifacts", IMAGES["training"],
                      "sh", "-c", command)  # fmt: skip


def kill(container: str) -> None:
    """End a container's process as a crash does: from outside, so that the engine sees it die and starts it again."""
    pid = inspect(container)["State"]["Pid"]
    docker("run", "--rm", "--pid=host", "--user=0", IMAGES["service"], "python", "-c", f"import os; os.kill({pid}, 9)")


def ask(container: str, path: str) -> str:
    """What a replica answers to a GET from within."""
    code = f"from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8000{path}').read().decode())"
    return docker("exec", container, "python", "-c", code)


def started(container: str) -> tuple[str, int, bool]:
    """When a container started, how often the engine has started it again, and whether memory ran out."""
    found = inspect(container)
    return found["State"]["StartedAt"], found["RestartCount"], found["State"]["OOMKilled"]
