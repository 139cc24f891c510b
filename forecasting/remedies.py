"""Remedies for errors in files: reading options to set, which each program writes in its own syntax."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True)
class Setting:
    """A reading option to set or to remove."""

    option: str
    value: str | float | None = None
    label: str = ""

    @property
    def text(self) -> str:
        """The value as a user types it; empty if there is none."""
        return "" if self.value is None else str(self.value).removesuffix(".0")


Syntax = Callable[[Setting], str]
"""How a program writes a setting: ``--units kelvin``, ``units=kelvin`` or ``units='kelvin'``."""

_PYTHON: Final = {"missing": "({!r},)", "resample": "TimeStep.parse({!r})", "at": "({})"}


def in_python(setting: Setting) -> str:
    """Write a setting as a keyword argument of :class:`~forecasting.readers.ReadingOptions`."""
    if setting.value is None:
        return f"{setting.option}="
    return f"{setting.option}={_PYTHON.get(setting.option, '{!r}').format(setting.value)}"


@dataclass(frozen=True)
class Remedy:
    """What to do about an error."""

    text: str
    settings: tuple[Setting, ...]
    others: tuple[Setting, ...] = ()

    @classmethod
    def of(cls, text: str, *settings: Setting | str) -> "Remedy":
        """A remedy from settings, or names of options for which the user has to find the value."""
        return cls(text, tuple(Setting(option) if isinstance(option, str) else option for option in settings))

    @classmethod
    def any_of(cls, settings: tuple[Setting, ...]) -> "Remedy | None":
        """A choice of settings, in brackets; None if there are none."""
        return cls(f" ({' or '.join('{}' for _ in settings)})", settings) if settings else None

    @property
    def choices(self) -> tuple[Setting, ...]:
        """The possible answers: settings with a label."""
        return tuple(setting for setting in (*self.settings, *self.others) if setting.label)

    def offering(self, *others: Setting) -> "Remedy":
        """The same remedy with possible answers."""
        return replace(self, others=others)

    def offering_values(self, option: str, values: Iterable[str]) -> "Remedy":
        """The same remedy with values of an option as possible answers, which are their own labels."""
        return self.offering(*(Setting(option, value, value) for value in values))

    def written(self, syntax: Syntax) -> str:
        """The text with its settings in a program's syntax."""
        return self.text.format(*map(syntax, self.settings))
