"""Accueil: the voice receptionist of a city tourist office."""

__version__ = "0.1.0"
