"""Write the agent's token file; without a token, remove it.

Run by docker-compose.yml before the agent starts. The token alone opens the tunnel;
COMPOSE_PROFILES=ngrok without a token is an error.

Usage: NGROK_AUTHTOKEN=... ngrok_token.py FILE
"""

import json
import os
import sys
from pathlib import Path

EX_CONFIG = 78  # sysexits.h: something is wrong with the configuration

MISSING = """\
COMPOSE_PROFILES asks for ngrok, but there is no ngrok token.

  Either  put NGROK_AUTHTOKEN=... into the file .env; the token is on
          https://dashboard.ngrok.com/get-started/your-authtoken (a free account will do)
  or      remove ngrok from COMPOSE_PROFILES, to run without the telephone network.

Then run `docker compose up --wait` again.
"""


def main() -> None:
    """Write the file named by the first argument, whole or not at all."""
    path = Path(sys.argv[1])
    token = os.environ.get("NGROK_AUTHTOKEN", "").strip()
    if not token:
        path.unlink(missing_ok=True)
        if "ngrok" in os.environ.get("COMPOSE_PROFILES", "").split(","):
            print(MISSING, file=sys.stderr)
            sys.exit(EX_CONFIG)
        return
    new = path.with_name(f"{path.name}.new")
    # A JSON string is a YAML string, whatever is in it.
    new.write_text(f"version: 3\nagent:\n  authtoken: {json.dumps(token)}\n")
    new.chmod(0o444)
    new.replace(path)


if __name__ == "__main__":
    main()
