"""NCCOs as they run on a leg: one module an action that takes more than a line."""
