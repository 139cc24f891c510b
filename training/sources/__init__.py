"""Sources of series: ERDDAP servers, and the packages that contain the shipped data."""
