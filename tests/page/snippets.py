"""Runs the code snippets that the page offers."""

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

_TIMEOUT_SECONDS = 60


def shown_code(page: Page, name: str) -> str:
    """Open what has the snippets, and return one of them."""
    snippet = page.get_by_role("group", name=name)
    if not snippet.count():
        page.locator("details.share > summary").click()
    return snippet.inner_text()


def run_curl(page: Page, folder: Path | None = None) -> str:
    """Run the curl snippet and return its output."""
    return _run(["bash", "-c", shown_code(page, "curl")], folder)


def run_python(page: Page, folder: Path | None = None) -> str:
    """Run the Python snippet and return its output."""
    return _run([sys.executable, "-c", shown_code(page, "Python, with httpx")], folder)


def _run(command: list[str], folder: Path | None) -> str:
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
    ).stdout
