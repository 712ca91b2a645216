"""`security_drill`: an attack from addresses reserved for documentation, followed through the whole pipeline."""
