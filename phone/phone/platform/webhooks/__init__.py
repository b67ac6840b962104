"""Webhooks as the platform sends them: signed, retried, in order; and their events' shapes."""
