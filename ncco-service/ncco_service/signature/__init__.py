"""Signatures of webhooks: whether a request was sent by Vonage.

Public: `Verifier`, `SignatureError`, `query_payloads`.
"""

from ncco_service.signature.verifier import SignatureError, Verifier, query_payloads

__all__ = ["SignatureError", "Verifier", "query_payloads"]
