"""`GET /forecast` and `POST /forecast`."""
