"""The command that sends a log file to CloudWatch Logs."""
