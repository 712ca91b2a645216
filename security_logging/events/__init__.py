"""Event types, their fields, and events as lines or JSON. It uses no Django and no setting."""
