"""``/stations`` and ``/observations``: what the service remembers of stations."""
