"""Batch scoring: tables and grids of SST in, forecasts out. A run that was killed can be resumed at any point.

``run`` tells the story of one run; ``tables`` and ``grids`` read and write the two kinds of input.
"""
