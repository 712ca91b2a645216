"""The queue that everything stands on which talks to a network."""
