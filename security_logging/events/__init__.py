"""What happened: the event types, their fields, and an event as a line or as JSON. Pure: no Django, no setting."""
