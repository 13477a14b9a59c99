"""QA's workshop: what callers really said, how well it was heard and understood, what could not be answered."""
