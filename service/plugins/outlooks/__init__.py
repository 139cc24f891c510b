"""``/outlooks``: the outlooks of a grid that ``sst outlook`` has written into one folder."""
