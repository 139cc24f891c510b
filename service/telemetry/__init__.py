"""What operators read: logs, traces, metrics."""
