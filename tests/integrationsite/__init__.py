"""A Django project with every package that there is an integration for, all at once."""
