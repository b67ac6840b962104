"""A bot that can be interrupted, and that hands over."""
