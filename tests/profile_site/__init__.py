"""A site whose logging the environment chooses, for each way to serve it."""
