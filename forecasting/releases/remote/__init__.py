"""Releases in other places, such as a bucket of S3: pushing, pulling and mirroring them."""
