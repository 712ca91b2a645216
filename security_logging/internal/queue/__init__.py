"""The one queue between a logging handler and a network: every destination stands on it, with its own transport."""
