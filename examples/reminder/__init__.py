"""A reminder by telephone: calls people, waits for their answer, tells it to a webhook."""
