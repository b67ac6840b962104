"""What all views share of HTTP: a request's fields, errors of one shape, the count of refusals.

Public: its modules `request_fields`, `errors` and `refusals`.
"""
