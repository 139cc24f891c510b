"""Outlooks: forecasts of a grid with references, events, maps and a page, in a folder of a day."""
