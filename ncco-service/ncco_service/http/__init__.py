"""HTTP, for all rooms: requests to others, fields of a request, errors of one shape, refusals.

Public: its modules `fetch`, `request_fields`, `errors` and `refusals`.
"""
