"""The web page, `/docs`, and the files they load."""
