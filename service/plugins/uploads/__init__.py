"""`POST /series`: files as users have them."""
