"""What ``make setup`` does once the Python environment stands: ``python -m ivr.setup``."""
