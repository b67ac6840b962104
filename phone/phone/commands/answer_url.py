"""The argument that says which application is called: the same for every command."""

import argparse
import os

from phone.legs.plan import ANSWER_URL

__all__ = ["add_answer_url"]


def add_answer_url(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument; by default the environment names it."""
    parser.add_argument(
        "answer_url",
        nargs="?",
        default=os.environ.get("ANSWER_URL") or ANSWER_URL,
        metavar="ANSWER_URL",
        help=f"default: the environment variable ANSWER_URL, else {ANSWER_URL}",
    )
