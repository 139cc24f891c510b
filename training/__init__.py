"""Offline training: an SST series in, a release of checkpoints out.

``run`` tells the story of one run: ``examples`` from the series, ``fit`` of the networks, and ``publish``.
"""
