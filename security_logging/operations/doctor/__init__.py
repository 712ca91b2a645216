"""The doctor: whether everything is wired, and what nobody would see."""
