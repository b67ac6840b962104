"""A stand-in for both services behind a gateway: answers with the request's headers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Mirror(BaseHTTPRequestHandler):
    """Answers with the request that it got, and the port."""

    def do_GET(self) -> None:
        """Answer with path, port and headers as JSON: lower case, repeated ones joined."""
        names = {name.lower() for name in self.headers}
        headers = {name: ", ".join(self.headers.get_all(name, [])) for name in names}
        port = self.connection.getsockname()[1]
        body = json.dumps({"port": port, "path": self.path, "headers": headers}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET


if __name__ == "__main__":
    for number in (8000, 8001):
        server = ThreadingHTTPServer(("0.0.0.0", number), Mirror)
        threading.Thread(target=server.serve_forever).start()
