"""The subcommands of `phone`, one module each."""
