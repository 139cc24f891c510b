"""What the page offers to copy, run as it would be after pasting."""

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

_SECONDS = 60


def run_curl(page: Page, folder: Path | None = None) -> str:
    """What the lines for a shell print."""
    return _run(["bash", "-c", page.get_by_role("group", name="curl").inner_text()], folder)


def run_python(page: Page, folder: Path | None = None) -> str:
    """What the lines for Python print."""
    return _run([sys.executable, "-c", page.get_by_role("group", name="Python, with httpx").inner_text()], folder)


def _run(command: list[str], folder: Path | None) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=_SECONDS).stdout
