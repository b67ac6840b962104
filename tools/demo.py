"""`make demo`: start both services on free ports, place a simulated call, stop everything."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tools.processes import ProcessStack
from tools.stack import StackError

ROOT = Path(__file__).resolve().parent.parent
HEARD = Path("out", "demo.wav")
PAGE = Path("out", "demo.html")
INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Place the call; return its exit status. `arguments` are passed on to `phone call`."""
    # The services run in sessions of their own, so SIGTERM must end this process like Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    (ROOT / HEARD.parent).mkdir(exist_ok=True)
    (ROOT / PAGE).unlink(missing_ok=True)
    try:
        with ProcessStack() as stack:
            stack.wait_ready()
            print(f"echo-service  {stack.socket_url}")
            print(f"ncco-service  {stack.answer_url}", flush=True)
            status = _call(stack.answer_url, arguments)
            if (ROOT / PAGE).exists():
                print(f"The same as a page, with the sound drawn: {PAGE}")
            return status
    except StackError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _call(answer_url: str, arguments: list[str]) -> int:
    command = [sys.executable, "-m", "phone", "call", answer_url]
    command += ["--save", str(HEARD), "--report", str(PAGE), *arguments]
    with subprocess.Popen(command, cwd=ROOT) as phone:
        while True:
            try:
                return phone.wait()
            except KeyboardInterrupt:
                # Ctrl-C reached the phone too: it hangs up and exits by itself.
                continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
