"""The content that administrators edit, typed and checked: call flow, answers, phrases and word lists."""
