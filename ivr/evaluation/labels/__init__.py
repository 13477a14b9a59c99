"""Labels of real calls: what callers said and meant, scores from them, and questions without an answer."""
