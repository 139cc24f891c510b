"""Models that forecast series: networks of one place, and universal networks."""
