"""Access check of the operator's interface: a token from other machines, and no web pages."""

import hmac
import ipaddress

from flask import Request

from ncco_service.http.errors import Problem

__all__ = ["OperatorCheck"]


class OperatorCheck:
    """Runs before every request.

    A web page in a browser on this machine can reach loopback, too. It cannot send the token.
    Without a token it is recognised by the headers that browsers send with a page's requests:
    Origin or Sec-Fetch-Site, and Host if the page's name was rebound to our address. Every POST
    must be JSON, which a form cannot send; for other requests a browser asks first (CORS), and is
    refused.

    Args:
        token: what every request must bear; None demands none, which is for loopback only.
        hosts: names in Host headers that are ours, beside localhost and addresses.

    """

    def __init__(self, token: str | None, hosts: tuple[str, ...]) -> None:
        self._token = token
        self._hosts = ("localhost", *hosts)

    def require(self, request: Request) -> None:
        """Return if a request may be made.

        Raises:
            Problem: 401, 403 or 415, saying why not.

        """
        if self._token is not None:
            given = request.headers.get("Authorization", "")
            wanted = f"Bearer {self._token}"
            if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
                seen = "the token is wrong" if given else "there is no token"
                hint = "send Authorization: Bearer with the OPERATOR_TOKEN of ncco-service"
                bearer = {"WWW-Authenticate": "Bearer"}
                raise Problem(401, "unauthorized", seen, hint, bearer)
        elif not self._is_ours(request.headers.get("Host", "")):
            seen = f"the request's host {request.headers.get('Host', '')[:100]!r} is not ours"
            raise _forbidden(seen, "ask for localhost or 127.0.0.1, or set OPERATOR_TOKEN")
        site = request.headers.get("Sec-Fetch-Site", "none")
        if "Origin" in request.headers or site not in ("none", "same-origin"):
            hint = "use curl, the command line, or a program of your own"
            raise _forbidden("the request comes from a web page", hint)
        if request.method == "POST" and request.mimetype != "application/json":
            seen = f"the body's content type is {request.mimetype[:80]!r}"
            hint = "send Content-Type: application/json, even with an empty body"
            raise Problem(415, "unsupported_media_type", seen, hint)

    def _is_ours(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if name.lower() in self._hosts:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True  # an address: a page's name can be rebound, but is a name


def _forbidden(seen: str, hint: str) -> Problem:
    return Problem(403, "forbidden", seen, hint)
