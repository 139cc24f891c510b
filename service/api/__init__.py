"""The resources of the HTTP API, one folder or file each."""
