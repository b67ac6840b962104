"""Answers the platform's webhooks: connects a phone call to a WebSocket.

``python -m ncco_service`` runs it. A room imports only rooms below it: ``__main__``, ``server``
(gunicorn), ``app`` (Flask), ``service``, ``views``, ``discovery``, ``ncco``, and the ground floor:
``signature``, ``request_fields``, ``errors``, ``settings``, ``logs``, ``refusals``, ``urls``.
"""
