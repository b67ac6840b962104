"""Tests of the assistant: its parts, its faults, and what is measured of it."""
