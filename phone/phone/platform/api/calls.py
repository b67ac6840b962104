"""Calls as the Voice API shows and steers them."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from phone.constants import CALLS_PER_SECOND
from phone.platform.api.bodies import (
    AsyncInputBody,
    CallBody,
    CallsQuery,
    DtmfBody,
    SteerBody,
    StreamBody,
    TalkBody,
)
from phone.platform.api.shown import shown
from phone.platform.leg import Leg
from phone.platform.ncco.actions import Stream, Talk
from phone.platform.ncco.document import Ncco, NccoError, parse_actions
from phone.platform.outbound import OutboundPlan
from phone.platform.running.source import NccoSource
from phone.platform.settings import Application
from phone.platform.switch import Switch
from phone.platform.webhooks.queue import EventTarget

__all__ = ["ApiError", "Calls"]

KEY_SECONDS = 0.1  # between keys; `p` is a pause of 500 ms
PAUSE_SECONDS = 0.5


class ApiError(Exception):
    """A request that is refused.

    Args:
        status: HTTP.
        detail: why.
        parameters: which fields are wrong, and why.

    """

    def __init__(
        self, status: int, detail: str, parameters: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.parameters = parameters


class Calls:
    """The calls of a network.

    Args:
        switch: the network's.

    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def create(self, body: CallBody) -> dict[str, Any]:
        """Place a call."""
        switch, registration = self._switch, self._switch.registration
        endpoint = body.endpoint
        ncco = None if body.ncco is None else _ncco(body.ncco)
        caller = body.caller.number if body.caller else next(iter(registration.numbers), "")
        if not caller:
            raise ApiError(400, "the application has no number", [_wrong("random_from_number")])
        if body.caller and registration.numbers and caller not in registration.numbers:
            raise ApiError(400, f"{caller} is not a number of this application", [_wrong("from")])
        if not switch.new_calls.take():
            raise ApiError(429, f"more than {CALLS_PER_SECOND} new calls in a second")
        hooks = registration.webhooks
        application = Application(
            body.answer_url[0] if body.answer_url else "",
            body.answer_method,
            hooks.event_url.address if hooks.event_url else None,
            hooks.fallback_answer_url.address if hooks.fallback_answer_url else None,
        )
        target = EventTarget(body.event_url[0], body.event_method) if body.event_url else None
        if target is None and hooks.event_url is not None:
            target = EventTarget(hooks.event_url.address, hooks.event_url.http_method)
        plan = OutboundPlan(
            ncco,
            body.ringing_timer,
            body.length_timer,
            body.detection,
            body.detects_beep,
            getattr(endpoint, "dtmf_answer", None) or "",
        )
        leg = switch.call(endpoint, caller, application, target, plan)
        return {
            "uuid": leg.uuid,
            "status": "started",
            "direction": "outbound",
            "conversation_uuid": leg.events.conversation_uuid,
        }

    def list(self, query: CallsQuery) -> dict[str, Any]:
        """Return a page of calls."""
        begin, end = _moment(query.date_start, "date_start"), _moment(query.date_end, "date_end")
        found = [
            leg
            for leg in self._switch.legs.values()
            if query.status in (None, leg.status)
            and query.conversation_uuid in (None, leg.events.conversation_uuid)
            and (begin is None or leg.created_at >= begin)
            and (end is None or leg.created_at <= end)
        ]
        if query.order == "desc":
            found.reverse()
        first, size = query.record_index, query.page_size
        page = found[first : first + size]
        places = {"self": first, "first": 0, "last": max(0, (len(found) - 1) // size * size)}
        if first:
            places["prev"] = max(0, first - size)
        if first + size < len(found):
            places["next"] = first + size
        links = {name: _page(query, place, self._switch.url) for name, place in places.items()}
        return {
            "count": len(found),
            "page_size": size,
            "record_index": first,
            "_links": links,
            "_embedded": {"calls": [shown(leg) for leg in page]},
        }

    def get(self, uuid: str) -> dict[str, Any]:
        """Return one call."""
        return shown(self._known(uuid))

    async def steer(self, uuid: str, body: SteerBody) -> None:
        """Hang up, mute, earmuff or transfer a call."""
        leg = self._running(uuid)
        match body.action:
            case "hangup":
                leg.hang_up()
            case "mute" | "unmute":
                leg.member.muted = body.action == "mute"
            case "earmuff" | "unearmuff":
                leg.member.earmuffed = body.action == "earmuff"
            case "transfer":
                await self._transfer(leg, body)

    def talk(self, uuid: str, body: TalkBody) -> dict[str, str]:
        """Say something to a call."""
        leg = self._answered(uuid)
        action = Talk.model_validate(
            {
                "action": "talk",
                "text": body.text,
                "language": body.language,
                "loop": body.loop,
                "level": body.level,
            }
        )
        self._switch.play(leg, "talk", lambda announcer: announcer.talk(action, endless=True))
        return {"message": "Talk started", "uuid": uuid}

    def stream(self, uuid: str, body: StreamBody) -> dict[str, str]:
        """Play a file to a call."""
        leg = self._answered(uuid)
        action = Stream.model_validate(
            {
                "action": "stream",
                "streamUrl": body.stream_url,
                "loop": body.loop,
                "level": body.level,
            }
        )
        self._switch.play(leg, "stream", lambda announcer: announcer.stream(action, endless=True))
        return {"message": "Stream started", "uuid": uuid}

    def stop(self, uuid: str, kind: str) -> dict[str, str]:
        """Stop what `talk` says or `stream` plays."""
        self._switch.stop(self._running(uuid), kind)
        return {"message": f"{kind.capitalize()} stopped", "uuid": uuid}

    def dtmf(self, uuid: str, body: DtmfBody) -> dict[str, str]:
        """Send keys to a call."""
        leg = self._answered(uuid)

        async def press() -> None:
            for digit in body.digits:
                if digit == "p":
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                leg.participant.hear_key(digit)
                await asyncio.sleep(KEY_SECONDS)

        self._switch.play(leg, "dtmf", lambda _: press())
        return {"message": "DTMF sent", "uuid": uuid}

    def start_input(self, uuid: str, body: AsyncInputBody) -> dict[str, str]:
        """Send a call's keys elsewhere, while an asynchronous `input` runs."""
        leg = self._listening(uuid)
        leg.async_input = EventTarget(body.event_url[0], body.event_method)
        return {"message": "DTMF input started", "uuid": uuid}

    def stop_input(self, uuid: str) -> dict[str, str]:
        """End an asynchronous `input`."""
        self._listening(uuid).async_input = None
        return {"message": "DTMF input stopped", "uuid": uuid}

    async def _transfer(self, leg: Leg, body: SteerBody) -> None:
        destination = body.destination
        if destination is None:
            raise ApiError(400, "transfer takes a destination", [_wrong("destination")])
        if leg.transfer is None or leg.transfer.done():
            raise ApiError(409, "the call runs no NCCO that another could replace")
        if destination.ncco is not None:
            ncco: Ncco | None = _ncco(destination.ncco)
        else:
            url = destination.url[0] if destination.url else ""
            ncco = await NccoSource(leg).fetch(url, "transfer")
        if ncco is None:
            raise ApiError(400, "the URL gave no valid NCCO", [_wrong("destination.url")])
        if not leg.replace_ncco(ncco):
            raise ApiError(409, "the call was transferred meanwhile, or runs no NCCO any more")

    def _known(self, uuid: str) -> Leg:
        leg = self._switch.legs.get(uuid)
        if leg is None:
            raise ApiError(404, "there is no such call")
        return leg

    def _running(self, uuid: str) -> Leg:
        leg = self._known(uuid)
        if leg.has_ended:
            raise ApiError(404, "the call has ended")
        return leg

    def _answered(self, uuid: str) -> Leg:
        leg = self._running(uuid)
        if leg.status != "answered":
            raise ApiError(409, f"the call is not answered: it is {leg.status}")
        return leg

    def _listening(self, uuid: str) -> Leg:
        leg = self._running(uuid)
        if leg.async_input is None:
            raise ApiError(409, "no input of mode asynchronous runs on this call")
        return leg


def _ncco(actions: "list[Any]") -> Ncco:
    try:
        return parse_actions(actions)
    except NccoError as error:
        wrong = [{"name": f"ncco{fault.where}", "reason": fault.reason} for fault in error.faults]
        raise ApiError(400, "the NCCO is not valid", wrong) from error


def _wrong(name: str) -> dict[str, str]:
    return {"name": name, "reason": "is not valid here"}


def _moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(400, f"{name} is no ISO 8601 date", [_wrong(name)]) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _page(query: CallsQuery, first: int, url: str) -> dict[str, str]:
    """Return the link to a page: whole, for Vonage's SDK for Node takes no other."""
    fields = query.model_dump(exclude_none=True) | {"record_index": first}
    return {"href": f"{url}/v1/calls?{urlencode(fields)}"}
