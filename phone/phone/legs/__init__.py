"""Legs of a call: the socket, telephones and callers, what is planned for them and what happened.

Public: the modules; the platform and the load use them one by one.
"""
