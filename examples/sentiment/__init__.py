"""Tells the mood of what the caller says."""
