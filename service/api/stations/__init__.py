"""``/stations`` and ``/observations``: the stations that the service stores."""
