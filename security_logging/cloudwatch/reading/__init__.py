"""Read the security events in CloudWatch Logs."""
