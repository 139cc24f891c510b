"""Telemetry for operators: logs, traces, metrics."""
