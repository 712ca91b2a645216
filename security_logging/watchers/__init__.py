"""What notices events: receivers of Django's signals, its log records, and the answers of its views."""
