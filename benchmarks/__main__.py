"""``python -m benchmarks [NAME…]``: run all measurements, or those named, and describe the machine."""

import argparse
from types import ModuleType

from benchmarks import footprint, large_request, own_series, replicas, serving, training_time
from benchmarks.batch import dask_grid, event_grid, ocean_grid, scoring, world_outlook
from benchmarks.costs import (
    any_sea_cost,
    event_cost,
    forecast_cost,
    key_check,
    path_cost,
    request_cost,
    telemetry_cost,
    tracing_cost,
)
from benchmarks.support import machine

_MODULES = (
    serving,
    replicas,
    large_request,
    own_series,
    footprint,
    forecast_cost,
    any_sea_cost,
    path_cost,
    event_cost,
    request_cost,
    key_check,
    telemetry_cost,
    tracing_cost,
    training_time,
    scoring,
    ocean_grid,
    dask_grid,
    event_grid,
    world_outlook,
)

_OTHERS = """\
other benchmarks, each with -h:
  python -m benchmarks.stations [--store URL] [--stations N] [--days N]
                        readings in and forecasts out, for thousands of stations with years of days
  python -m benchmarks.soak [--minutes N]
                        memory of the service under mixed load and reloads
  python -m benchmarks.size [--check]
                        lines, words, and functions that a request enters, and their limits
  python -m benchmarks.peers [NAME …]
                        LitServe, BentoML and MLServer under the same load as the service
"""


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def main() -> None:
    """Print the measurements line by line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Run the measurements behind the figures in the README and docs/.",
        epilog=_OTHERS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [_name(module) for module in _MODULES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(names)} (default: all)")
    chosen = parser.parse_args().names or names
    unknown = [name for name in chosen if name not in names]
    if unknown:
        parser.error(f"unknown measurement {unknown[0]}; choose from {', '.join(names)}")
    for line in machine.describe():
        print(line)
    for module in _MODULES:
        if _name(module) in chosen:
            print(f"\n{_name(module)}", flush=True)
            for line in module.measure():
                print(line, flush=True)


if __name__ == "__main__":
    main()
