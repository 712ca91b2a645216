"""What people run: reading the log, the doctor and the drill."""
