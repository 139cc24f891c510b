"""What can go wrong, as one tree. No HTTP here: the service has the table that speaks it.

ForecastError
├── SeriesError      a series that cannot be used: which value, why, and what to do
│   ├── IrregularError  its times follow no one step
│   ├── RangeError      a value that no sea has
│   └── FileError    a file that holds no usable series: which line or column
├── RequestError     a horizon, level, device or setting that is not offered
├── UnknownNameError no dataset or model of that name; says which there are
└── ReleaseError     a release on disk that is missing, incomplete or altered
"""

from typing import Self

from forecasting.remedies import Remedy, Setting, Syntax, in_python


class ForecastError(Exception):
    """Root of every error that this project raises on purpose; ``str()`` is a sentence for a person."""

    def written(self, syntax: Syntax) -> str:
        """The sentence, with any options of reading in a program's syntax."""
        return str(self)


class SeriesError(ForecastError):
    """A series that cannot be used.

    ``index`` is the position of the offending value in the caller's input, where one value is to blame. ``remedy``
    names options of reading a file; ``str()`` writes them as in Python.
    """

    def __init__(self, message: str, *, index: int | None = None, remedy: Remedy | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.index = index
        self.remedy = remedy

    def __str__(self) -> str:
        return self.written(in_python)

    def written(self, syntax: Syntax) -> str:
        """The message and the remedy, with options of reading in a program's syntax."""
        return self.message if self.remedy is None else f"{self.message}{self.remedy.written(syntax)}"


class IrregularError(SeriesError):
    """A series whose times follow no one step: made coarser, it may."""


class RangeError(SeriesError):
    """A value that no sea has.

    ``settings`` are options of reading a file that are likely remedies, where the value comes from a file.
    """

    def __init__(self, message: str, *, index: int, settings: tuple[Setting, ...] = ()) -> None:
        super().__init__(message, index=index)
        self.settings = settings


class FileError(SeriesError):
    """A file from which no usable series can be read."""

    @classmethod
    def of(cls, error: SeriesError, place: str = "") -> Self:
        """An error of a file from one of its series, with ``place`` in front of the message."""
        return cls(f"{place}{error.message}", index=error.index, remedy=error.remedy)


class RequestError(ForecastError):
    """Something asked for that is not offered: a horizon or level of a model, a device, a setting.

    ``field`` names the parameter that asked for it.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownNameError(ForecastError):
    """No dataset or model of this name."""


class ReleaseError(ForecastError):
    """A release that is missing, incomplete, or not what its manifest says."""
