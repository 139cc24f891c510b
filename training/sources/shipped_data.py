"""Rebuild ``data/*.csv`` from the packages that contain the original data: ``python -m training.sources.shipped_data``.

Needs ``statsmodels`` and ``bokeh_sampledata`` (the extra ``[dev]``). See data/README.md for provenance and licences.
"""

import sys
from pathlib import Path

import pandas as pd


def nino12() -> pd.DataFrame:
    """ERSST v3b, Niño 1+2 region mean by NOAA, monthly 1950–2010, from ``statsmodels.datasets.elnino``."""
    from statsmodels.datasets import elnino

    years = elnino.load_pandas().data.set_index("YEAR")
    times = pd.date_range(f"{years.index[0]:.0f}-01-01", periods=years.size, freq="MS")
    return pd.DataFrame({"time": times.strftime("%Y-%m-%d"), "sst": years.to_numpy().reshape(-1)})


def neracoos_b01() -> pd.DataFrame:
    """NERACOOS buoy B01 (B01_sbe37_all), half-hourly 2016–2017, from ``bokeh_sampledata``; faults included."""
    from bokeh_sampledata.sea_surface_temperature import sea_surface_temperature as table

    return pd.DataFrame(
        {"time": pd.DatetimeIndex(table.index).strftime("%Y-%m-%dT%H:%M:%SZ"), "sst": table["temperature"].to_numpy()}
    )


def main(folder: Path) -> None:
    """Write both files into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in (("nino12", nino12), ("neracoos-b01", neracoos_b01)):
        make().to_csv(folder / f"{name}.csv", index=False)
        print(folder / f"{name}.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
