"""Events of a forecast: what a request asks for, how it is judged, and how it is written."""
