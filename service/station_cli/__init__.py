"""``sst station``: stations of a running service, from the command line."""
