"""The background jobs of the console, one module per job."""
