"""The console's HTTP interface."""
