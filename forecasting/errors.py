"""Everything that can go wrong, as one tree of exceptions. HTTP status codes are up to the service.

ForecastError
├── SeriesError      a series that cannot be used: which value, why, and what to do
│   ├── IrregularError  the times do not follow one step
│   ├── RangeError      a value outside the range of sea temperatures
│   ├── SourceError     a server's dataset that does not offer the series
│   └── FileError       a file without a usable series: which line or column
├── RequestError     a horizon, level, device or setting that is not offered
├── UnknownNameError a dataset or model that does not exist; lists those that do
├── ReleaseError     a release on disk that is missing, incomplete or altered
│   └── RemoteError     a remote folder of releases, such as a bucket, that cannot be read or written
└── MissingExtraError  an optional package that is not installed
"""

from typing import Self

from forecasting.remedies import Remedy, Setting, Syntax, in_python


class ForecastError(Exception):
    """Base of all errors that this project raises deliberately; ``str()`` is a sentence for the user."""

    def written(self, syntax: Syntax) -> str:
        """Return the sentence, with any reading options in a program's syntax."""
        return str(self)


class SeriesError(ForecastError):
    """A series that cannot be used.

    ``index`` is the position of the offending value in the caller's input, where one value is to blame. ``remedy``
    names reading options; ``str()`` writes them as in Python.
    """

    def __init__(self, message: str, *, index: int | None = None, remedy: Remedy | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.index = index
        self.remedy = remedy

    def __str__(self) -> str:
        return self.written(in_python)

    @property
    def choices(self) -> tuple[Setting, ...]:
        """Reading options that are possible answers to the question in the error."""
        return () if self.remedy is None else self.remedy.choices

    def written(self, syntax: Syntax) -> str:
        """Return the message and the remedy, with reading options in a program's syntax."""
        return self.message if self.remedy is None else f"{self.message}{self.remedy.written(syntax)}"


class IrregularError(SeriesError):
    """A series whose times do not follow one step; resampling to a coarser step may help."""


class RangeError(SeriesError):
    """A value outside the range of sea temperatures.

    ``settings`` are reading options that are likely remedies, where the value comes from a file.
    """

    def __init__(self, message: str, *, index: int, settings: tuple[Setting, ...] = ()) -> None:
        super().__init__(message, index=index)
        self.settings = settings


class FileError(SeriesError):
    """A file without a usable series."""

    @classmethod
    def of(cls, error: SeriesError, place: str = "") -> Self:
        """Return the error of a file for an error in one of its series, with ``place`` in front of the message."""
        return cls(f"{place}{error.message}", index=error.index, remedy=error.remedy)


class SourceError(SeriesError):
    """A server's dataset that does not offer the series. The remedy names parts of the query, such as ``lat``."""


class RequestError(ForecastError):
    """A request for something that is not offered: a horizon or level of a model, a device, a setting.

    ``field`` is the name of the parameter.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownNameError(ForecastError):
    """A dataset or model of this name does not exist."""


class ReleaseError(ForecastError):
    """A release that is missing, incomplete, or different from its manifest."""


class RemoteError(ReleaseError):
    """A remote folder of releases, such as a bucket, that cannot be read or written."""


class MissingExtraError(ForecastError, ImportError):
    """An optional package is not installed; the message names the extra that installs it."""
