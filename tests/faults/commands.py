"""Commands whose writes fail once, or that die at them, given again until they end well."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.faults import Faults, Kind, numbers
from tests.forks import run

_VERSION: Final = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True)
class Sweep:
    """A command that writes to a folder, and what its users find there."""

    faults: Faults
    command: Sequence[object]
    folder: Path
    before: Path
    read: Callable[[Path], Mapping[str, Any]]

    def reset(self) -> None:
        """Undo all that the command did."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.before, self.folder, symlinks=True)

    def give(self) -> "subprocess.CompletedProcess[str]":
        """Give the command."""
        return run([sys.executable, *self.command], env=os.environ | self.faults.environment)

    def complete(self) -> None:
        """Give the command, which ends well."""
        done = self.give()
        assert done.returncode == 0, done.stderr

    def names(self) -> list[str]:
        """Return the names of all that is in the folder, hidden files too; those of any release alike."""
        return sorted({_VERSION.sub("version", str(path.relative_to(self.folder))) for path in self.folder.rglob("*")})

    def run(self, kind: Kind, share: int) -> int:
        """Let calls of the command fail, each in a run of its own, and return how many have."""
        self.reset()
        old = self.read(self.folder)
        with self.faults.at(0, kind):
            self.complete()
        assert self.faults.unsynced == []
        new, names = self.read(self.folder), self.names()
        assert new != old
        injected = 0
        for number in numbers(len(self.faults.calls), share):
            self.reset()
            with self.faults.at(number, kind):
                done = self.give()
            if not self.faults.injected:
                break
            injected += 1
            where = f"{self.faults.describe(number)}\n{done.stderr}"
            found = self.read(self.folder)
            assert "Traceback" not in done.stderr, where
            if done.returncode == 0:
                assert found == new, where
            else:
                assert [name for name in found if found[name] not in (old[name], new[name])] == [], where
                if kind == "the process dies":
                    assert done.returncode == -signal.SIGKILL, where
                else:
                    assert done.returncode in (1, 2, 3), where
                    assert done.stderr.strip(), where
            self.complete()
            assert (self.read(self.folder), self.names()) == (new, names), where
        return injected
