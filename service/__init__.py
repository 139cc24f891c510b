"""The HTTP service: forecasts and comparisons from published releases.

A request passes ``server`` (sockets), ``gate`` (who may call) and ``api`` (a folder for each resource), and ``engine``
computes the answer. ``app`` wires them together; ``client`` and ``page`` call the service from outside.
"""
