"""How well the service hears, speaks and understands: measurements, labels and replays."""
