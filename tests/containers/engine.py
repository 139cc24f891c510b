"""The Docker engine of the machine, by its command line."""

import json
import shutil
import subprocess
from typing import Any


def docker(*arguments: str, stdin: bytes | None = None) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}:\n{done.stdout.decode()}{done.stderr.decode()}"
    return done.stdout.decode().strip()


def ends(*arguments: str) -> tuple[int, str]:
    """Exit status of a container that ends by itself, and all that it wrote."""
    command = ["docker", "run", "--rm", "--network=none", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def inspect(name: str) -> dict[str, Any]:
    """Everything that the engine knows about a container or image."""
    (found,) = json.loads(docker("inspect", name))
    assert isinstance(found, dict)
    return found


def what_is_missing() -> str:
    """Why no container can be run here; empty where one can."""
    if shutil.which("docker") is None:
        return "there is no docker command here"
    for command, what in (("version", "no Docker engine answers"), ("compose version", "docker has no compose")):
        done = subprocess.run(["docker", *command.split()], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{what}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
    return ""


def has_image(name: str) -> bool:
    """Whether the engine holds an image, or can fetch it."""
    for command in (["image", "inspect", name], ["pull", "--quiet", name]):
        if subprocess.run(["docker", *command], capture_output=True, check=False).returncode == 0:
            return True
    return False
