"""Build the wheel. If Deno is installed (``pip install deno``), the modules of the page are bundled into one file.

All else is in pyproject.toml. Without Deno, and in editable installs, browsers load the modules themselves.
"""

import shutil
from pathlib import Path
from typing import Final

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.errors import ExecError

_OPTIONS: Final = ("--quiet", "--no-config", "--no-lock", "--platform=browser", "--minify")


class BuildWithBundle(build_py):
    """Copies the packages, and bundles the modules of the page."""

    def run(self) -> None:
        """Build. Without a bundle, only the first visit of the page is slower, so that no failure ends the build."""
        super().run()
        page, deno = Path(self.build_lib, "service", "plugins", "page", "static"), shutil.which("deno")
        bundle = page / "bundle.js"
        bundle.unlink(missing_ok=True)
        if self.editable_mode or deno is None:
            return
        try:
            self.spawn([deno, "bundle", *_OPTIONS, f"--output={bundle}", str(page / "modules" / "main.js")])
        except ExecError as error:
            bundle.unlink(missing_ok=True)
            self.warn(f"Deno cannot bundle the page, so browsers load its modules: {error}")


setup(cmdclass={"build_py": BuildWithBundle})
