"""Measures universal networks on series that they have not seen."""
