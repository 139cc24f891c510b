"""Times as files write them, in UTC."""
