"""Runs the code snippets that the page offers."""

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

_TIMEOUT_SECONDS = 60


def run_curl(page: Page, folder: Path | None = None) -> str:
    """Run the curl snippet and return its output."""
    return _run(["bash", "-c", page.get_by_role("group", name="curl").inner_text()], folder)


def run_python(page: Page, folder: Path | None = None) -> str:
    """Run the Python snippet and return its output."""
    return _run([sys.executable, "-c", page.get_by_role("group", name="Python, with httpx").inner_text()], folder)


def _run(command: list[str], folder: Path | None) -> str:
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
    ).stdout
