"""A bot in a meeting: writes down what is said, and speaks only when spoken to."""
