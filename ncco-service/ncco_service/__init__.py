"""Answers the platform's webhooks: connects a phone call to a WebSocket.

`python -m ncco_service` runs it. A room imports only rooms below it: `__main__` and `server`
(gunicorn), `app` (Flask), `service`, `views`, `calls` and `commands`, `discovery`, `ncco` and
`traces`, `http`, and the ground floor: `signature`, `settings`, `logs`.
"""
