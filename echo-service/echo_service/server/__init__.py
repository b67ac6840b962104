"""Accepts connections and serves HTTP: handshake, authentication, health, metrics.

Public: `authentication`, `handshake`, `health`, `listening`, `metrics`, `metrics_server`,
`responses`.
"""
