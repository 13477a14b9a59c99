"""The script of a conversation: words and keys in, prompts and decisions out."""
