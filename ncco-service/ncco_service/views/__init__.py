"""The HTTP interface: webhooks, their signature check, and health."""
