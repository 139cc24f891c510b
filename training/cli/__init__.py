"""The commands of ``python -m training``: train (``main``), ``inspect``, ``fetch`` and rollback."""
