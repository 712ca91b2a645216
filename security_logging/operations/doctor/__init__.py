"""`security_doctor`: each module checks one thing, and chapters.py lists them in the order of the report."""
