"""The intent model of Accueil.

``features`` and ``model`` are pure: they run in Rasa's environment (Python 3.9 or 3.10, numpy 1.23) and in ours
(Python 3.11 to 3.14, numpy 2).  ``fitting`` and ``component`` run in Rasa's environment only.  The folder is part of
the content, so that a content version keeps the code that made its model.
"""
