"""The HTTP interface of the service.

Public: the blueprints of `webhooks` and `health`, and the `SignatureCheck` of webhooks.
"""
