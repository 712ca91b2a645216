"""Tables of the derived users."""
