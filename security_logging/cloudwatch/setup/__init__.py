"""What stands in AWS: log group, metrics, alarms, dashboard, queries and policies."""
