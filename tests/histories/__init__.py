"""A search for counterexamples: random histories of a station, against a model of what it promises."""
