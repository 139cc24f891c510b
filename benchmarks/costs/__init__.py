"""Processor time of the parts of a request, without a socket."""
