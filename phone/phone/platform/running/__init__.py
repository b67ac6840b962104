"""Runs NCCOs on a leg: one module for each larger action."""
