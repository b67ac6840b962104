"""Who takes part in a call: the socket leg, callers, and the log of what happened to them."""
