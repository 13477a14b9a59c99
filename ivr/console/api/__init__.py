"""The HTTP interface of the console, one module per resource."""
