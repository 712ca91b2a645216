"""Reading the stream in CloudWatch Logs."""
