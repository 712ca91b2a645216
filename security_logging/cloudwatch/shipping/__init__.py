"""Ship a log file to CloudWatch Logs."""
