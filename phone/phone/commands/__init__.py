"""The subcommands of `phone`, one module each.

Public: each module's `add_parser`, which adds its subcommand to the command line; `exit_status`.
"""
