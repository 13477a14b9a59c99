"""Intents: training, the classifier's server and client, and the gate."""
