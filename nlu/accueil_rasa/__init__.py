"""Parts of our Rasa pipeline; they run in Rasa's own environment (Python 3.9 or 3.10), see nlu/config.yml."""
