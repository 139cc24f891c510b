"""The forecasts that an archive holds, one lead at a time."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as papq

from forecasting.errors import FileError
from forecasting.events.heat_stress import LEVEL_PROBABILITIES
from forecasting.series.times import iso
from scoring.archive.archive import Archive
from scoring.errors import ScoringError
from scoring.tables.output import PREFIX

_KEYS: Final = ["station", "issued", "observed_until", "replayed", "asked", "step", "time", "sst"]
_SAME: Final = ["station", "asked", "step", "observed_until"]
_OF_EVENTS: Final = "by_lead|threshold|side|probability(_.+)?|climatology|state|mmm|alert"
_MEASURES: Final = re.compile(rf"(lower|upper)_\d+|{PREFIX}.+|event_.+_({_OF_EVENTS})")
_MARINE: Final = re.compile(r"event_(.+)_climatology")
_HEAT_STRESS: Final = re.compile(r"event_(.+)_mmm")


@dataclass(frozen=True)
class IssuedForecasts:
    """The forecasts of an archive from some period."""

    archive: Archive
    begin: np.datetime64 | None = None
    end: np.datetime64 | None = None

    @cached_property
    def _data(self) -> pads.Dataset:
        files = self.archive.files()
        if not files:
            raise ScoringError(
                f"{self.archive.path}: is not an archive; create one with 'sst score INPUT --append ARCHIVE'"
            )
        schemas = []
        for file in files:
            try:
                schemas.append(papq.read_schema(file))
            except (pa.ArrowException, OSError) as error:
                raise FileError(f"{file}: cannot read it: {' '.join(str(error).split())[:200]}") from None
        # The levels and events of runs may differ: a column that a file lacks is empty there.
        return pads.dataset([str(file) for file in files], schema=pa.unify_schemas(schemas), format="parquet")

    @cached_property
    def _chosen(self) -> pads.Expression:
        chosen = pc.is_valid(pads.field("sst"))
        if self.begin is not None:
            chosen &= pads.field("observed_until") >= _scalar(self.begin)
        if self.end is not None:
            chosen &= pads.field("observed_until") <= _scalar(self.end)
        return chosen

    def leads(self) -> list[int]:
        """Return the leads that were forecast, in ascending order."""
        leads: list[int] = self._read(["lead"], self._chosen)["lead"].unique().to_pylist()
        return sorted(leads)

    def steps(self) -> list[str]:
        """Return the names of the steps of the forecasts."""
        steps: list[str] = self._read(["step"], self._chosen)["step"].unique().to_pylist()
        return sorted(steps)

    def marine_events(self) -> list[str]:
        """Return the names of the marine heatwaves and cold spells that were forecast."""
        return [match[1] for name in self._data.schema.names if (match := _MARINE.fullmatch(name))]

    def heat_stress_events(self) -> list[str]:
        """Return the names of the degree heating weeks that were forecast with probabilities of alert levels."""
        return [name for name in self._degree_heating_weeks() if self._has_levels(name)]

    def heat_stress_without_levels(self) -> list[str]:
        """Return the names of the degree heating weeks that an earlier version archived without these probabilities."""
        return [name for name in self._degree_heating_weeks() if not self._has_levels(name)]

    def _degree_heating_weeks(self) -> list[str]:
        return [match[1] for name in self._data.schema.names if (match := _HEAT_STRESS.fullmatch(name))]

    def _has_levels(self, event: str) -> bool:
        return all(f"event_{event}_{column}" in self._data.schema.names for column in LEVEL_PROBABILITIES.values())

    def period(self) -> str:
        """Return the first and the last time of a last observation in the whole archive, for a sentence."""
        ends = self._read(["observed_until"], pc.is_valid(pads.field("sst")))["observed_until"]
        first, last = (bound.as_py().replace(tzinfo=None) for bound in pc.min_max(ends).values())
        return f"{iso(np.datetime64(first, 's'))} to {iso(np.datetime64(last, 's'))}"

    def at(self, lead: int) -> pd.DataFrame:
        """Return the forecasts of one lead.

        Of several from the same last observation, only one is returned: the one issued last that is not replayed, or
        else the last. Times are UTC without a zone.
        """
        names = [name for name in self._data.schema.names if _MEASURES.fullmatch(name)]
        table = self._read([*_KEYS, *names], self._chosen & (pads.field("lead") == lead))
        frame: pd.DataFrame = table.to_pandas()
        for name in ("issued", "observed_until", "time"):
            frame[name] = frame[name].dt.tz_localize(None)
        # As in the database of stations: replayed ones come first, so that the last is the one that counts.
        frame = frame.sort_values(["replayed", "issued"], ascending=[False, True], kind="stable")
        return frame.drop_duplicates(_SAME, keep="last", ignore_index=True)

    def _read(self, columns: list[str], chosen: pads.Expression) -> pa.Table:
        try:
            return self._data.to_table(columns=columns, filter=chosen)
        except (pa.ArrowException, OSError) as error:
            raise FileError(f"{self.archive.path}: cannot read it: {' '.join(str(error).split())[:200]}") from None


def _scalar(time: np.datetime64) -> pa.Scalar:
    seconds = int(time.astype("datetime64[s]").astype(np.int64))
    return pa.scalar(seconds, pa.int64()).cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("ms", "UTC"))
