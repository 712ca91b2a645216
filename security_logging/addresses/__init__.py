"""Whose address a request came from, and which addresses may be banned."""
