"""The command: from its options to its exit status."""

import argparse
import time
from pathlib import Path
from typing import Final

from scoring.cli.arguments import DONE, GRIDS, INCOMPLETE, OUTPUTS, SCORE
from scoring.cli.outcome import status_of, tell
from scoring.cli.preparing import chosen_model, engine_of, input_of, plan_of, removed_if_nothing_staged
from scoring.cli.progress_bar import ProgressBar
from scoring.errors import ScoringError
from scoring.run import Run, execute, finish
from scoring.source import find_source, named
from scoring.work import Fingerprint, WorkFolder, locked

_KEEP: Final = ", or keep the forecasts of every run with --append ARCHIVE.parquet instead of OUTPUT"


def main(options: argparse.Namespace) -> int:
    """Run batch scoring and return the exit status: 0 done, 2 refused, 3 without forecasts or with failed chunks."""
    begun = time.perf_counter()
    return status_of(SCORE, lambda: _append(options, begun) if options.append else _write(options, begun))


def _append(options: argparse.Namespace, begun: float) -> int:
    from scoring.cli.appending import append  # imports pyarrow

    return append(options, begun)


def _write(options: argparse.Namespace, begun: float) -> int:
    """Write the forecasts to OUTPUT."""
    kind = _output_kind(options.output)
    source = find_source(options.input, grid=kind in GRIDS)
    source.refuse(options.output)
    input_ = input_of(source, kind, options)
    model = chosen_model(source, input_, options)
    with locked(options.output, restart=options.restart) as work:
        if _is_complete(work, options.output):
            SCORE.say(f"{options.output} is already complete; nothing to do")
            return DONE
        _refuse_existing(options, work, kind)
        with removed_if_nothing_staged(work), engine_of(options, model) as engine:
            with named(source.path):
                narrowed = input_.narrowed(model)
                fingerprint = Fingerprint.of(narrowed.files)
                plan = plan_of(options, kind, fingerprint, model, narrowed)
                run = Run(narrowed, options.output, model, plan, fingerprint, begun)
                result = execute(run, work, engine, ProgressBar(input_.unit, options.quiet), SCORE.say)
            finish(run, work, result)
    tell(run, result, run.output)
    return INCOMPLETE if result.failed or not result.counts.forecast else DONE


def _output_kind(output: Path) -> str:
    kind = OUTPUTS.get(output.suffix.lower())
    if kind is None:
        raise ScoringError(f"{output}: unknown output format; use one of the extensions {', '.join(OUTPUTS)}")
    if not output.absolute().parent.is_dir():
        raise ScoringError(f"{output}: the folder {output.absolute().parent} does not exist; create it first")
    return kind


def _is_complete(work: WorkFolder, output: Path) -> bool:
    """Return whether a run was killed after it had placed its output, and remove its work folder if so."""
    if not work.has_placed(output) or work.failures():
        return False
    work.remove()
    return True


def _refuse_existing(options: argparse.Namespace, work: WorkFolder, kind: str) -> None:
    if options.output.exists() and not options.overwrite and not work.has_placed(options.output):
        work.remove_if_empty()
        keep = "" if kind in GRIDS else _KEEP
        raise ScoringError(
            f"{options.output} already exists; choose another name, or replace it with --overwrite{keep}"
        )
