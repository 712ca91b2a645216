"""The incident drill: an attack from addresses that nobody has, followed through the whole pipeline."""
