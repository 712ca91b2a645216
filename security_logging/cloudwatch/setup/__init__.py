"""Set up AWS: log group, metrics, alarms, dashboard, queries and policies."""
