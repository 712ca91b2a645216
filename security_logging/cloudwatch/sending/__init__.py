"""The handler that sends records to CloudWatch Logs."""
