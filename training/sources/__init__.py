"""Where series come from: ERDDAP servers, and the packages that carry the shipped data."""
