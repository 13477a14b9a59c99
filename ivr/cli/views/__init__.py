"""What the ``ivr`` command prints."""
