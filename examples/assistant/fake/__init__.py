"""Fake model: a server of the Realtime protocol, offline, for tests and for trying out.

It speaks with espeak-ng, hears by level, and can be made slow, rude or broken: see `manners`.

    python -m assistant.fake --port 8765
"""
