"""What the measurements share: servers, load, request bodies, and the machine."""
