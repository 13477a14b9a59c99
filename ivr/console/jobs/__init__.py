"""The console's background work."""
