"""`python -m ncco_service point-application`: point the Vonage application here, once."""

import json
import sys
from collections.abc import Iterable

from ncco_service.discovery import ApplicationApi, ApplicationError, Change, Discovery
from ncco_service.settings import Settings

__all__ = ["point_application"]


def point_application(settings: Settings, *, dry_run: bool) -> int:
    """Write the application's webhooks, or say what would be written; return the exit status.

    Args:
        settings: the account, the application, and where the platform reaches this service.
        dry_run: change nothing.

    """
    if not settings.points_application:
        return _failed(
            "set VONAGE_APPLICATION_ID, VONAGE_API_KEY and VONAGE_API_SECRET "
            "(or VONAGE_API_SECRET_FILE)"
        )
    discovery = Discovery.build(settings, lambda: None)
    if settings.public_url is None and discovery.agent is not None:
        discovery.agent.poll()
    base_url = discovery.public_url.webhooks
    if base_url is None:
        return _failed(
            "the public address is not known: set PUBLIC_URL, or start the tunnel and set "
            "NGROK_API_URL"
        )
    try:
        outcome = ApplicationApi(settings).point(base_url, dry_run=dry_run)
    except ApplicationError as error:
        _show(error.changes)
        return _failed(str(error), perhaps=bool(error.changes))
    _show(outcome.changes)
    print(_ending(len(outcome.changes), dry_run))
    if outcome.doubt:
        print(f"the application is doubtful: {outcome.doubt}", file=sys.stderr)
    return int(outcome.doubt is not None)


def _show(changes: Iterable[Change]) -> None:
    for change in changes:
        place = f"capabilities.voice.webhooks.{change.webhook}.{change.field}"
        if change.old is not None:
            print(f"- {place}: {json.dumps(change.old)}")
        print(f"+ {place}: {json.dumps(change.new)}")


def _ending(changes: int, dry_run: bool) -> str:
    if not changes:
        return "The application points here already; nothing was written."
    return "Nothing was written (--dry-run)." if dry_run else "The application points here now."


def _failed(message: str, *, perhaps: bool = False) -> int:
    happened = "has perhaps been changed as above" if perhaps else "was not changed"
    print(f"the application {happened}: {message}", file=sys.stderr)
    return 1
