"""An app with a user model that is Django's but for its key."""
