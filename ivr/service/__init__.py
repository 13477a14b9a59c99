"""The processes of Accueil, and what starts, checks and publishes."""
