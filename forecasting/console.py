"""What the commands share: how they are called, parse options, print tables, say what is wrong, and end."""

import argparse
import io
import json
import os
import select
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from forecasting.bundled import default_artifacts
from forecasting.errors import ForecastError
from forecasting.readers.options import OPTIONS, parse_number, parse_whole
from forecasting.remedies import Setting

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

OUTPUT_CLOSED: Final = 141
"""Exit status that a shell reports for a program ended by SIGPIPE."""
INTERRUPTED: Final = 130
"""Exit status that a shell reports for a program ended by SIGINT."""
REFUSED: Final = 2
"""Exit status after wrong options or input, as that of argparse."""
FORMATS: Final = ("table", "csv", "json")
"""Forms of the output of commands that print tables."""


_module: Final[list[str]] = []
"""What ``python -m`` runs, and the command that it runs by default; empty for ``sst``."""


def name_as_module(module: str, default: str) -> None:
    """Have programs name themselves after ``python -m``: the command ``default`` as the ``module`` itself."""
    _module[:] = module, default


class Program(NamedTuple):
    """A command: the words that follow ``sst``, as in ``release sign``."""

    words: str

    @property
    def name(self) -> str:
        """What the user typed to run it, for help: ``sst inspect`` or ``python -m training inspect``."""
        if not _module:
            return f"sst {self.words}"
        module, default = _module
        return f"python -m {module} {self.words.removeprefix(default).strip()}".rstrip()

    def subcommand(self, word: str) -> "Program":
        """Return the program that ``word`` after this one runs."""
        return Program(f"{self.words} {word}")

    def say(self, message: str) -> None:
        """Write a message to standard error, after the name: ``sst inspect: …`` or ``training inspect: …``."""
        sys.stderr.write(f"{self.name.removeprefix('python -m ')}: {message}\n")

    def say_error(self, error: ForecastError) -> None:
        """Write what is wrong, and which option mends it."""
        self.say(error.written(in_command_line))


class Command(NamedTuple):
    """A command with its options."""

    program: Program
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    epilog: str | None = None
    usage: str | None = None

    def parser(self) -> argparse.ArgumentParser:
        """Return the parser of its arguments. An epilog of several lines is printed as it is."""
        is_laid_out = "\n" in (self.epilog or "")
        parser = argparse.ArgumentParser(
            prog=self.program.name,
            usage=self.usage,
            description=self.description,
            epilog=self.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter if is_laid_out else argparse.HelpFormatter,
            allow_abbrev=False,
        )
        self.add_options(parser)
        return parser

    def main(self, arguments: Sequence[str]) -> int:
        """Parse the arguments and carry the command out; returns the exit status: 2 after an error, which it prints."""
        try:
            return self.run(self.parser().parse_args(arguments))
        except ForecastError as error:
            self.program.say_error(error)
            return REFUSED


def run_process(main: Callable[[], int], program: Program, interrupted: str = "interrupted", stopped: str = "") -> int:
    """Run a command as this process; returns the exit status.

    Ctrl-C and SIGTERM end it with one sentence and status 130, and a system error with one sentence and status 1.
    """
    # As Ctrl-C does, SIGTERM lets the command clean up, also while it imports.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run_command(main)
    except KeyboardInterrupt:
        program.say(interrupted)
        return INTERRUPTED
    except OSError as error:
        program.say(f"stopped: {error}{stopped}")
        return 1


def run_command(command: Callable[[], int]) -> int:
    """Run a command and flush its output; end quietly if the reader closes it early, as ``| head -1`` does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without UTF-8 must not end the run; standard error escapes such characters anyway.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _is_output_closed():
            raise  # another pipe broke, such as one to a subprocess
        return OUTPUT_CLOSED


def _is_output_closed() -> bool:
    """Return whether the reader has closed the standard output; if so, discard the rest of it."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    if not output.poll(0):  # poll reports errors without being asked to
        return False
    discard_output()
    return True


def discard_output() -> None:
    """Discard the rest of the standard output, so that flushing it at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def in_command_line(setting: Setting) -> str:
    """Write a reading option as a command-line option: ``--units kelvin``."""
    return f"--{setting.option.replace('_', '-')} {setting.text}".rstrip()


def aligned(lines: Sequence[Sequence[str]], left: Collection[str] = ()) -> str:
    """Return ``lines``, of which the first has the headings, with aligned columns; those in ``left`` begin alike."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(
            cell.ljust(width) if heading in left else cell.rjust(width)
            for heading, cell, width in zip(lines[0], line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join(text) + "\n"


def table_text(table: "pd.DataFrame", digits: int = 2) -> str:
    """Return a table as people read it, without its index: numbers have at most ``digits`` decimals."""
    cells = [[cell_text(value, digits) for value in table[column]] for column in table.columns]
    return aligned([[*map(str, table.columns)], *zip(*cells, strict=True)]).removesuffix("\n")


def cell_text(value: Any, digits: int = 2) -> str:
    """Return a value as people read it: times without what is zero, numbers with few decimals, nothing if missing."""
    import pandas as pd

    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list | dict):
        return json_text(value) if value else ""
    if pd.isna(value):
        return ""
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def csv_text(table: "pd.DataFrame") -> str:
    """Return a table as CSV, without its index; times are in ISO 8601."""
    return str(_with_iso_times(table).to_csv(index=False))


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows of a table as plain values; times are in ISO 8601."""
    rows: list[dict[str, Any]] = json.loads(_with_iso_times(table).to_json(orient="records"))
    return rows


def json_text(value: object) -> str:
    """Return plain values as JSON."""
    return json.dumps(value, ensure_ascii=False)


def _with_iso_times(table: "pd.DataFrame") -> "pd.DataFrame":
    times = table.select_dtypes(["datetimetz", "datetime"]).columns
    return table.assign(**{column: table[column].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for column in times})


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add ``--version``."""
    parser.add_argument("--version", action="version", version=version("sst-forecasting"))


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add ``--format``."""
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="output format (default: %(default)s)")


def add_artifacts(group: argparse._ActionsContainer, purpose: str = "folder of releases") -> None:
    """Add ``--artifacts``, a folder or URL of releases to read."""
    group.add_argument(
        "--artifacts",
        type=lambda text: text if "://" in text else Path(text),
        default=default_artifacts(),
        metavar="DIR|URL",
        help=f"{purpose}, or a URL such as s3://bucket/artifacts (default: artifacts, else the bundled releases)",
    )


def add_out(group: argparse._ActionsContainer) -> None:
    """Add ``--out``, the folder of releases to write to."""
    group.add_argument(
        "--out", type=Path, default=Path("artifacts"), metavar="DIR", help="artifacts folder (default: %(default)s)"
    )


def add_trusted_keys(group: argparse._ActionsContainer) -> None:
    """Add ``--trusted-key``."""
    group.add_argument(
        "--trusted-key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="PEM file with a public key that releases must be signed with, or a folder of them; repeatable (default: "
        "SST_TRUSTED_KEYS)",
    )


def add_reading_options(
    group: argparse._ActionsContainer,
    names: Iterable[str] = OPTIONS,
    flags: Mapping[str, Sequence[str]] | None = None,
    prefix: str = "",
) -> None:
    """Add options of :class:`~forecasting.readers.ReadingOptions`."""
    for name in names:
        option = OPTIONS[name]
        where = "; write --at=-5,10 in the southern hemisphere" if name == "at" else ""
        repeat: dict[str, Any] = {"action": "append", "default": []} if option.repeatable else {}
        group.add_argument(
            *(flags or {}).get(name, (option.flag,)), dest=f"{prefix}{name}", type=parsed_by(option.parse),
            choices=option.choices or None, metavar=option.metavar, help=f"{option.help}{where}", **repeat,
        )  # fmt: skip


def parsed_by(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return ``parse`` as the type of an option, whose errors are shown after the name of the option."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except (ForecastError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


def _levels(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(level) for level in text.split(",")})) if text else ()
    except ValueError:
        raise ValueError(f"expected a list of percentages such as 80,95, not {text!r}") from None


levels: Final = parsed_by(_levels)
"""Parses percentages such as ``80,95``, in ascending order; empty text has none."""
number: Final = parsed_by(parse_number)
whole: Final = parsed_by(parse_whole)
not_negative: Final = parsed_by(partial(parse_whole, least=0))
positive: Final = parsed_by(partial(parse_whole, least=1))
"""Parse numbers."""
