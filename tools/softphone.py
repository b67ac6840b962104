"""`make softphone`: start both services, and beside them the page that calls them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tools.processes import ProcessStack
from tools.stack import SERVICES, StackError

ROOT = Path(__file__).resolve().parent.parent
INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C; return the exit status. `arguments` are passed on to `phone serve`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ProcessStack() as stack:
            stack.wait_ready()
            command = [sys.executable, "-m", "phone", "serve", stack.answer_url]
            for service in SERVICES:
                command += ["--readiness", f"{service}={stack.base_url(service)}/readyz"]
            command += ["--calls", f"{stack.metrics_url}/calls", *arguments]
            return _serve(command)
    except StackError as error:
        print(f"softphone: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _serve(command: list[str]) -> int:
    with subprocess.Popen(command, cwd=ROOT, env=os.environ) as phone:
        while True:
            try:
                return phone.wait()
            except KeyboardInterrupt:
                # Ctrl-C reached the phone too: it hangs up and exits by itself.
                continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
