"""An app with a user model that shares as little as possible with Django's own."""
