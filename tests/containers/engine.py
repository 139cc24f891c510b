"""The Docker engine, called through its command line."""

import json
import shutil
import subprocess
from typing import Any


def docker(*arguments: str, stdin: bytes | None = None) -> str:
    """Run a command, check that it succeeds, and return its output."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}:\n{done.stdout.decode()}{done.stderr.decode()}"
    return done.stdout.decode().strip()


def run_to_end(*arguments: str) -> tuple[int, str]:
    """Run a container until it ends by itself; return its exit status and its output."""
    command = ["docker", "run", "--rm", "--network=none", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def inspect(name: str) -> dict[str, Any]:
    """Return the engine's description of a container or image."""
    (details,) = json.loads(docker("inspect", name))
    assert isinstance(details, dict)
    return details


def engine_problem() -> str:
    """Return why no container can be run; empty if one can."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    for command, problem in (("version", "no Docker engine answers"), ("compose version", "docker has no compose")):
        done = subprocess.run(["docker", *command.split()], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{problem}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
    return ""


def is_stand_in(name: str) -> bool:
    """Return whether the engine has an image of this name that came from no registry."""
    command = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and not json.loads(done.stdout)


def has_image(name: str) -> bool:
    """Return whether the engine has an image or can pull it."""
    for command in (["image", "inspect", name], ["pull", "--quiet", name]):
        if subprocess.run(["docker", *command], capture_output=True, check=False).returncode == 0:
            return True
    return False
