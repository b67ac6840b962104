"""Who takes part in a call: sockets, telephones, callers with a script; and the log of a call."""
