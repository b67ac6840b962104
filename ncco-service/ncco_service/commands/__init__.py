"""The commands beside the service: call a number, and point the Vonage application here.

Public: the modules `place_call` and `point_application`, named after what they do.
"""
