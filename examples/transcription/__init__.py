"""Writes down what the caller says."""
