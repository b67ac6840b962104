"""Writes the agent's token file, or says that there is no token.

Run by docker-compose.yml before the agent starts, so that a missing token is told once, in words,
instead of by an agent that fails again and again.

Usage: NGROK_AUTHTOKEN=... ngrok_token.py FILE
"""

import json
import os
import sys
from pathlib import Path

EX_CONFIG = 78  # sysexits.h: something is wrong with the configuration

MISSING = """\
The tunnel is switched on, but there is no ngrok token.

  Either  put NGROK_AUTHTOKEN=... into the file .env; the token is on
          https://dashboard.ngrok.com/get-started/your-authtoken (a free account will do)
  or      take ngrok out of COMPOSE_PROFILES, to go on without the telephone network.

Then run `docker compose up --wait` again.
"""


def main() -> None:
    """Write the file named by the first argument, whole or not at all."""
    path = Path(sys.argv[1])
    token = os.environ.get("NGROK_AUTHTOKEN", "").strip()
    if not token:
        path.unlink(missing_ok=True)
        print(MISSING, file=sys.stderr)
        sys.exit(EX_CONFIG)
    new = path.with_name(f"{path.name}.new")
    # A JSON string is a YAML string, whatever is in it.
    new.write_text(f"version: 3\nagent:\n  authtoken: {json.dumps(token)}\n")
    new.chmod(0o444)
    new.replace(path)


if __name__ == "__main__":
    main()
