"""Requests in JSON: the base of their schemas, and sentences for what is wrong with them."""
