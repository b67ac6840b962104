"""A stand-in for the ngrok agent: its API on port 4040, as ngrok documents it.

It reads the same two files as the agent: the token, without which it ends, and the endpoints.
What it answers is switched by the file SWITCHES while it runs, see `Answer` below. Standard
library only: it runs in a bare Python image.
"""

import json
import random
import re
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SWITCHES = Path("/edge/switches.json")
DEFAULT_HOST = "first.ngrok-free.test"


def endpoints(path: str) -> list[dict[str, str]]:
    """Read name, url and upstream of each endpoint from one of our ngrok.yml files."""
    found = []
    for item in re.split(r"^  - ", Path(path).read_text().partition("\nendpoints:")[2], flags=re.M):
        fields = dict(re.findall(r"(\w+): (\S+)", item))
        upstream = re.search(r"upstream:\s+url: (\S+)", item)
        if upstream:
            first = re.search(r"^ +url: (https\S+)", item, flags=re.M)
            url = first[1] if first else f"https://{DEFAULT_HOST}"
            found.append({"name": fields["name"], "url": url, "upstream": upstream[1]})
    return found


def new_list(items: list[dict[str, str]]) -> dict[str, object]:
    """Return the body of /api/endpoints (agent 3.30 and newer)."""
    return {
        "endpoints": [
            {
                "name": item["name"],
                "uri": f"/api/endpoints/{item['name']}",
                "url": item["url"],
                "upstream": {"url": item["upstream"], "protocol": ""},
                "inspect": False,
                "pooling_enabled": False,
            }
            for item in items
        ],
        "uri": "/api/endpoints",
    }


def old_list(items: list[dict[str, str]]) -> dict[str, object]:
    """Return the body of /api/tunnels."""
    return {
        "tunnels": [
            {
                "name": item["name"],
                "ID": f"{index:032x}",
                "uri": f"/api/tunnels/{item['name']}",
                "public_url": item["url"],
                "proto": item["url"].partition(":")[0],
                "config": {"addr": item["upstream"], "inspect": False},
                "metrics": {"conns": {"count": 0, "gauge": 0}, "http": {"count": 0}},
            }
            for index, item in enumerate(items)
        ],
        "uri": "/api/tunnels",
    }


class Answer(BaseHTTPRequestHandler):
    """The API; answers as the switches say.

    `list`: the endpoints, instead of those in ngrok.yml. Then, for "endpoints" and "tunnels" each:
    "ok", "empty", "404", "garbage", "slow" (30 s), "silent" (never).
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one request."""
        switches = json.loads(SWITCHES.read_text()) if SWITCHES.exists() else {}
        items = switches.get("list") or CONFIGURED
        items = random.sample(items, len(items))
        kind = {"/api/endpoints": "endpoints", "/api/tunnels": "tunnels"}.get(self.path, "")
        mood = switches.get(kind, "ok") if kind else "404"
        if mood == "slow":
            time.sleep(30)
        if mood == "silent":
            time.sleep(3600)
        body = new_list if kind == "endpoints" else old_list
        if mood == "404":
            error = {"error_code": 104, "status_code": 404, "msg": "Not Found"}
            self._send(404, json.dumps({**error, "details": {"path": self.path}}))
        elif mood == "garbage":
            self._send(200, '<html><body>502 {"endpoints": [{"url": 7</body></html>')
        else:
            self._send(200, json.dumps(body([] if mood == "empty" else items)))

    def log_message(self, *_: object) -> None:
        """Log nothing: there is one request a second."""

    def _send(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


if __name__ == "__main__":
    if "authtoken: " not in Path("/run/ngrok/token.yml").read_text():
        sys.exit("ERROR: authentication failed: ERR_NGROK_4018")
    CONFIGURED = endpoints(sys.argv[-1])  # start --all --config token.yml --config ngrok.yml
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = ThreadingHTTPServer(("0.0.0.0", 4040), Answer)
    server.daemon_threads = True
    print("started web service", *CONFIGURED, flush=True)
    server.serve_forever()
