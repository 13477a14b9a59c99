"""The sound of a call: its leg, the listener and the player."""
