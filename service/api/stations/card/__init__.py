"""The card of a station, to embed in other pages."""
