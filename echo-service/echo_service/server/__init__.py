"""What a peer meets first: listening, the handshake, authentication, HTTP responses, metrics.

Public: `authentication`, `handshake`, `health`, `listening`, `metrics`, `metrics_server`,
`responses`.
"""
