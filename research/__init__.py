"""How the universal networks were made, and the studies behind choices; not part of the distribution."""
