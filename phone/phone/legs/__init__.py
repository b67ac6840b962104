"""Legs of a call: the socket, telephones and callers, and the log of what happened to them.

Public: the modules; the platform and the load use them one by one.
"""
