"""Set-up of an installation: ``make setup`` runs ``python -m ivr.setup`` in the finished Python environment."""
