"""The web page, `/docs`, and the files that they load."""
