"""Releases that are trained once for all processes of a test run."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def trained_once(name: str, train: Callable[[Path], object], paths: pytest.TempPathFactory) -> Path:
    """Return this process's own copy of a folder of artifacts."""
    run = paths.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    trained = run / "trained" / name
    trained.parent.mkdir(exist_ok=True)
    with trained.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not trained.exists():
            unfinished = trained.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            train(unfinished)
            unfinished.rename(trained)
    return Path(shutil.copytree(trained, paths.mktemp(name), dirs_exist_ok=True))
