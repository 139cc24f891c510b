"""How a command ends: its exit status, and its messages about the run."""

from collections.abc import Callable
from pathlib import Path

from forecasting.console import Program, in_command_line
from forecasting.errors import ForecastError
from scoring.cli.arguments import INCOMPLETE, REFUSED, SCORE
from scoring.errors import NothingToForecastError
from scoring.run import Result, Run


def status_of(program: Program, command: Callable[[], int]) -> int:
    """Run a command of ``program``; return its exit status, or that of an error, which is written to standard error."""
    try:
        return command()
    except NothingToForecastError as error:
        program.say(error.written(in_command_line))
        return INCOMPLETE
    except ForecastError as error:
        program.say(error.written(in_command_line))
        return REFUSED


def tell(run: Run, result: Result, path: Path) -> None:
    """Write the outcome of a run, whose forecasts are in ``path``."""
    for note in result.notes:
        SCORE.say(note)
    counts = result.counts
    by = f" by {run.plan.model} {result.version(run.plan)}, {run.model.choice}" if counts.forecast else ""
    parts = [f"{counts.forecast:,} of {counts.places:,} {run.input.unit} forecast{by}"]
    parts += [
        f"{count:,} not forecast: {counts.examples.get(why, why) if count == 1 else why}"
        for why, count in counts.missing.items()
    ]
    parts += [f"{count:,} {kind}" for kind, count in counts.warnings.items()]
    parts += [f"{count:,} without event {why}" for why, count in counts.unjudged.items()]
    parts.append(f"{result.seconds:.1f} s, {result.scored / result.seconds:,.0f} {run.input.unit}/s")
    print(f"{path}: {'; '.join(parts)}")
    if not counts.forecast and not result.failed:
        why = max(counts.missing, key=counts.missing.__getitem__, default="the input has no values")
        count, example = counts.missing.get(why, 0), counts.examples.get(why, why)
        if count > 1 and example != why:
            example = f"{example} (the first of {count:,} {run.input.unit} like this)"
        SCORE.say(f"nothing could be forecast: {example}")
    if result.failed:
        first = min(result.failed)
        SCORE.say(
            f"{len(result.failed)} of {result.chunks} chunks failed; chunk {first}: "
            f"{result.failed[first]}. Run the same command again to retry them"
        )
