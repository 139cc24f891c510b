"""The check of a module before any of it runs in this process."""

import json
import multiprocessing
import signal
from typing import Any, Final

from forecasting.errors import ReleaseError
from forecasting.series.sst_series import SstSeries
from training.importing.contract import Facts
from training.importing.model_file import ModelFile
from training.importing.probe import Request, run

CHECK_SECONDS: Final = 120.0
"""Default time limit of a check; loading torch is part of it."""


def check(file: ModelFile, series: SstSeries, horizon: int, seconds: float = CHECK_SECONDS) -> Facts:
    """Load and try a module in a process of its own.

    Args:
        file: of the module.
        series: to try it on.
        horizon: number of leads.
        seconds: how long the process may take.

    Raises:
        ReleaseError: if the module breaks the contract, crashes, or takes too long; says what to do.
    """
    try:
        outcome = _try(Request(file.content, series, horizon), seconds)
    except ReleaseError as error:
        raise ReleaseError(f"{file.name}: {error}") from None
    if "problem" in outcome:
        raise ReleaseError(f"{file.name}: {outcome['problem']}")
    return Facts(**outcome)


def _try(request: Request, seconds: float) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run, args=(request, sender), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise ReleaseError(
                f"loading and trying it took more than {seconds:g} s: use a smaller network, or raise --time-limit"
            )
        outcome: dict[str, Any] = json.loads(receiver.recv_bytes())
        return outcome
    except EOFError:
        process.join()
        raise ReleaseError(_crash(process.exitcode or 0)) from None
    finally:
        process.kill()
        process.join()
        receiver.close()


def _crash(status: int) -> str:
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    return f"it ends the process that tries it ({how}): run it with torch alone to find out why"
