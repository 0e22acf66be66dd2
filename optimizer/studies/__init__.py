"""How many solves become one answer: cases, the session that solves them, the commands."""
