"""Sends webhooks as the platform does: signed, retried, in order; and builds their events."""
