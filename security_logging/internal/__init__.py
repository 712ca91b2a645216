"""What keeps us out of the way: our own errors, forks and exits, and the queue of all network destinations."""
