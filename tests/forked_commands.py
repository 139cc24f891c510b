"""Commands in processes of their own, forked from one that has imported the libraries, which takes seconds."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

PROGRAMS = ("service", "training", "scoring")

_FORK = f"""
import json, os, runpy, sys, tempfile
import fastapi, pandas, torch, uvicorn

def run(command):
    program, *sys.argv[1:] = command
    try:
        if program == "sst":
            import sst
            sst.main()
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code or 0
    return 0

done = []
for command in json.loads(sys.argv[1]):
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        if not (child := os.fork()):
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            status = 1
            try:
                status = run(command)
                print("imported:", *(set(sys.modules) & set({PROGRAMS})))
                sys.stdout.flush()
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = [(file.seek(0), file.read())[1] for file in (output, errors)]
        output, _, imported = texts[0].rpartition("imported:")
        done.append([status, output, texts[1], imported.split()])
print(json.dumps(done))
"""


class Completed(NamedTuple):
    """A command that has ended, and which of the programs it has imported."""

    status: int
    output: str
    errors: str
    imported: list[str]


def run_forked(commands: Sequence[str]) -> dict[str, Completed]:
    """Run each command, ``sst …`` or a module with its arguments, and return how it ended."""
    arguments = json.dumps([command.split() for command in commands])
    done = subprocess.run([sys.executable, "-c", _FORK, arguments], capture_output=True, text=True, check=True)
    return {command: Completed(*outcome) for command, outcome in zip(commands, json.loads(done.stdout), strict=True)}
