"""The columns of an answer, and what all answers with the same columns share."""

from functools import lru_cache
from typing import Final

import pyarrow as pa

from service.engine.forecasting import Job

BASELINES: Final = ("persistence", "usual_change", "climatology", "damped", "linear")
"""References that have a column, even if no series has them."""

TIME: Final = pa.timestamp("s", "UTC")

_MAX_CACHED_ROWS: Final = 4_096


class AnswerForm:
    """The columns of an answer.

    Attributes:
        schema: names and types of the columns.
        names: the names of the columns.
        head: the message that begins an Arrow stream of them.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.names: list[str] = schema.names
        self.head: bytes = schema.serialize().to_pybytes()

    def nulls(self, rows: int) -> dict[str, pa.Array]:
        """Return all columns, by name, without values."""
        return (_nulls if rows <= _MAX_CACHED_ROWS else _nulls.__wrapped__)(self, rows)

    def stream_end(self, series: int, failed: int) -> bytes:
        """Return the messages that end an Arrow stream: a record batch without rows, with these counts as metadata."""
        return _stream_end(self, series, failed)


def form_of(job: Job) -> AnswerForm:
    """Return the columns of the answer to ``job``."""
    options = job.options.forecast
    return _form(job.selection.levels(options), tuple(map(exceedance_column, options.thresholds)))


def exceedance_column(threshold: float) -> str:
    """Return the name of the column with the probability that SST exceeds ``threshold``."""
    return f"exceedance_{threshold:.12g}"


@lru_cache(maxsize=64)
def _form(levels: tuple[int, ...], exceedance: tuple[str, ...]) -> AnswerForm:
    bounds = [(f"{side}_{level}", pa.float64()) for level in levels for side in ("lower", "upper")]
    references = [(f"baseline_{name}", pa.float64()) for name in BASELINES]
    columns = [
        ("station", pa.string()),
        ("issued", TIME),
        ("time", TIME),
        ("sst", pa.float64()),
        *bounds,
        ("model", pa.string()),
        ("version", pa.string()),
        ("chosen", pa.string()),
        ("quality", pa.int8()),
        ("error", pa.string()),
        ("warnings", pa.string()),
        ("lead", pa.int16()),
        ("step", pa.string()),
        *dict(references).items(),
        ("usual_years", pa.string()),
        ("usual_source", pa.string()),
        *dict.fromkeys(exceedance, pa.float64()).items(),
        ("calibrated", pa.bool_()),
        ("messages", pa.string()),
    ]
    return AnswerForm(pa.schema(columns))


# Forms are compared by identity, since comparing schemas takes longer than what these functions save.


@lru_cache(maxsize=64)
def _nulls(form: AnswerForm, rows: int) -> dict[str, pa.Array]:
    by_type = {kind: pa.nulls(rows, kind) for kind in set(form.schema.types)}
    return {field.name: by_type[field.type] for field in form.schema}


@lru_cache(maxsize=256)
def _stream_end(form: AnswerForm, series: int, failed: int) -> bytes:
    sink = pa.BufferOutputStream()
    # Only a whole stream takes metadata; its own head is left out.
    with pa.ipc.new_stream(sink, form.schema) as stream:
        no_rows = pa.record_batch(list(form.nulls(0).values()), schema=form.schema)
        stream.write_batch(no_rows, custom_metadata={"series": str(series), "failed": str(failed)})
    end: bytes = sink.getvalue().slice(len(form.head)).to_pybytes()
    return end
