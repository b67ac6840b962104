"""The HTTP interface of the service: webhooks, health, metrics, and the operator's interface.

Public: the blueprints of `webhooks`, `health` and `operator`; `SignatureCheck` and `OperatorCheck`,
who may use them; `Metrics` and their `MetricsServer`.
"""
