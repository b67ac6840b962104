"""Access check: only the page itself, under a host name of this program.

A page of another origin can make a browser send requests to loopback, and a name under a
stranger's control can be made to lead there (DNS rebinding). The `Host` says by which name the
program was reached, the `Origin` whose page asks.
"""

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

__all__ = ["HEADERS", "LOOPBACK", "guard"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def guard(names: frozenset[str]) -> Middleware:
    """Return the middleware that refuses all other requests.

    Args:
        names: hosts by which the program may be called, besides loopback's.

    """
    allowed = LOOPBACK | names

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = _host(request.host)
        if host not in allowed:
            raise web.HTTPMisdirectedRequest(
                text=f"This page is not served under that name; use one of: "
                f"{', '.join(sorted(allowed))}, or start it with --name.\n",
                headers=HEADERS,
            )
        origin = request.headers.get("Origin")
        needs_one = request.method != "GET" or "Upgrade" in request.headers
        if (
            origin is None
            and needs_one
            or origin not in (None, f"http://{request.host}", f"https://{request.host}")
        ):
            raise web.HTTPForbidden(
                text="Only the page itself may ask for that.\n", headers=HEADERS
            )
        return await handler(request)

    return refuse


def _host(text: str) -> str | None:
    try:
        return urlsplit(f"//{text}").hostname
    except ValueError:
        return None
