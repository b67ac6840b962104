"""The command line: `phone`, or `python -m phone`."""

import argparse
import sys
from collections.abc import Sequence

from phone.commands import call, doctor, load, platform, replay, serve
from phone.commands.exit_status import FAILED, INTERRUPTED

__all__ = ["main"]

EXIT_CODES = """\
exit status:
  0    it worked
  1    it did not; the report says which step failed
  2    the command line, or a file that it names, is wrong
  3    doctor: a call would work, but there are warnings
  130  interrupted with Ctrl-C; the call was hung up properly
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="phone",
        description="A simulated caller and Vonage platform: call a WebSocket application "
        "without a phone.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    call.add_parser(commands)
    doctor.add_parser(commands)
    load.add_parser(commands)
    platform.add_parser(commands)
    replay.add_parser(commands)
    serve.add_parser(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; None: the process's own.

    Returns:
        The exit status.

    """
    namespace = parser().parse_args(arguments)
    try:
        status: int = namespace.run(namespace)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output is gone
        return FAILED
    return status


if __name__ == "__main__":
    sys.exit(main())
