"""``python -m benchmarks``: every measurement, with the machine it ran on."""

import os
import platform

import torch

from benchmarks import forecast_cost, service_latency, telemetry_cost, training_time

if __name__ == "__main__":
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, Python {platform.python_version()}, torch {torch.__version__}")
    for measurement in (forecast_cost, service_latency, telemetry_cost, training_time):
        for line in measurement.measure():
            print(line, flush=True)
