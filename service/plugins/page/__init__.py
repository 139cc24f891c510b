"""The page, the guides, and `/docs`: what people see in a browser."""
