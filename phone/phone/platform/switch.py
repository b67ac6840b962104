"""The network's switch: its legs, rooms and subscribers, and the calls that run through it."""

import asyncio
import contextlib
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from phone.audio.files import AudioError
from phone.constants import CALLS_PER_SECOND
from phone.legs.identity import conversation_uuid
from phone.legs.log import CallLog, Moment, Problem
from phone.legs.participant import Nobody, Participant
from phone.legs.telephone import Callee, Telephone
from phone.platform.inbound import run_inbound
from phone.platform.leg import CallContext, Leg
from phone.platform.limits import RollingLimit
from phone.platform.mixing.conversation import Conversation
from phone.platform.mixing.recording import Recording
from phone.platform.ncco.endpoints import Phone, WebSocket
from phone.platform.network_log import NetworkLog
from phone.platform.outbound import OutboundPlan, run_outbound
from phone.platform.registration import Registration
from phone.platform.running.announcer import Announcer
from phone.platform.running.socket_connect import socket_of
from phone.platform.settings import Application, Behaviour
from phone.platform.webhooks.client import WebhookClient
from phone.platform.webhooks.events import LegEvents
from phone.platform.webhooks.queue import EventTarget, WebhookQueue

__all__ = ["Switch"]

LEGS_KEPT = 1000  # that have ended, for those who ask for them later
RECORDINGS_KEPT = 100
TAPES_KEPT = 100  # of telephones, for tests that look at them afterwards
CLOSING_SECONDS = 5.0  # for calls that are hung up because the network closes


@dataclass(eq=False)
class Switch:
    """A running network.

    Args:
        registration: the application's.
        behaviour: of the platform.
        webhooks: the HTTP client.
        callees: how subscribers take calls.
        counts_connects: whether a `connect` counts as a new call in the limit.
        on_moment: told what happens in any call.
        on_problem: told what goes wrong in any call.
        url: where recordings are served; set once it is known.
        telephones: of subscribers that were called, the latest last.
        held: the numbers of those who decide themselves at each call, and their telephones.

    """

    registration: Registration
    behaviour: Behaviour
    webhooks: WebhookClient
    callees: dict[str, Callee] = field(default_factory=dict)
    counts_connects: bool = True
    on_moment: Callable[[Moment], None] | None = None
    on_problem: Callable[[Problem], None] | None = None
    url: str = ""
    new_calls: RollingLimit = field(default_factory=lambda: RollingLimit(CALLS_PER_SECOND))
    telephones: deque[Telephone] = field(default_factory=deque)
    held: dict[str, Callable[[], Telephone]] = field(default_factory=dict)
    legs: "OrderedDict[str, Leg]" = field(default_factory=OrderedDict)
    recordings: "OrderedDict[str, Recording]" = field(default_factory=OrderedDict)
    _rooms: dict[str, Conversation] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _playing: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)

    # What a call asks of it (`Directory`).

    def callee(self, number: str) -> tuple[Telephone, Callee] | None:
        """Return the telephone of a subscriber, and how it takes calls."""
        callee = self.callees.get(number)
        if number in self.held:
            callee, telephone = Callee(), self.held[number]()
        elif callee is None:
            return None
        else:
            telephone = Telephone(number, keep=callee.keep)
        self._know(telephone)
        return telephone, callee

    def room(self, name: str) -> Conversation:
        """Return the conversation of that name, a new one if there is none or it is over."""
        room = self._rooms.get(name)
        if room is None or (room.ticks and not room.members):
            room = self._rooms[name] = Conversation(name=name, started=False)
        return room

    def conversation(self, uuid: str) -> Conversation | None:
        """Return a conversation that has members; None if there is none."""
        for leg in self.legs.values():
            if leg.conversation is not None and leg.conversation.uuid == uuid:
                return leg.conversation
        return None

    def add(self, leg: Leg) -> None:
        """Keep a leg, for the API."""
        self.legs[leg.uuid] = leg

    def ended(self, leg: Leg) -> None:
        """Write what a subscriber has heard; forget legs that ended long ago."""
        telephone = leg.participant
        if isinstance(telephone, Telephone):
            if not leg.root:
                telephone.ended.set()
            if telephone.keep is not None:
                self._begin(self._keep(telephone))
        # Buffers and tapes go with their last call; what the API shows of a leg stays.
        leg.participant = leg.member.participant = Nobody()
        over = [uuid for uuid, other in self.legs.items() if other.has_ended]
        for old in over[: max(0, len(over) - LEGS_KEPT)]:
            del self.legs[old]

    def may_connect(self) -> bool:
        """Return whether one more `connect` is within the limit."""
        return not self.counts_connects or self.new_calls.take()

    def publish(self, recording: Recording) -> str:
        """Keep a recording, and return its URL."""
        self.recordings[recording.uuid] = recording
        while len(self.recordings) > RECORDINGS_KEPT:
            self.recordings.popitem(last=False)
        return f"{self.url}/v1/files/{recording.uuid}"

    # What the API and the library ask of it.

    def dial(self, number: str, called: str, telephone: Telephone) -> Leg:
        """Place a call to the application; return the leg, which rings.

        Raises:
            RegistrationError: the application has no answer URL.

        """
        self._know(telephone)
        application = self.registration.application()
        events = LegEvents(number, called, conversation_uuid(), "inbound")
        endpoint = {"type": "phone", "number": number}
        leg = self._leg(application, None, events, endpoint, telephone, telephone.over)
        self._begin(self._until_ended(run_inbound(leg), telephone))
        return leg

    def call(
        self,
        endpoint: Phone | WebSocket,
        caller: str,
        application: Application,
        target: EventTarget | None,
        plan: OutboundPlan,
    ) -> Leg:
        """Place a call; return the leg, which begins.

        Args:
            endpoint: who is called.
            caller: the number that calls.
            application: its answer URL is asked, unless the plan has an NCCO.
            target: where the events go; None: to the application's event URL.
            plan: what happens.

        """
        called = endpoint.number if isinstance(endpoint, Phone) else endpoint.uri
        headers = None if isinstance(endpoint, Phone) else endpoint.headers
        events = LegEvents(caller, called, conversation_uuid(), "outbound", headers=headers)
        if isinstance(endpoint, Phone):
            found = self.callee(endpoint.number)
            party = found or (Telephone(endpoint.number), Callee("no-answer"))
            shown = {"type": "phone", "number": endpoint.number}
            leg = self._leg(application, target, events, shown, party[0], party[0].over)
            self._begin(self._until_ended(run_outbound(leg, party, plan), party[0]))
            return leg
        context = self._context(application, target)
        socket = socket_of(context, endpoint)
        leg = Leg(context, events, endpoint.shown, socket, over=socket.over)
        self._begin(run_outbound(leg, endpoint, plan))
        return leg

    def play(
        self, leg: Leg, kind: str, work: Callable[[Announcer], Coroutine[Any, Any, None]]
    ) -> None:
        """Say or play something to a leg, replacing what is being said or played.

        Args:
            leg: who hears it.
            kind: "talk" or "stream".
            work: what the announcer does.

        """
        self.stop(leg, kind)
        task = self._begin(work(Announcer(leg)))
        self._playing[leg.uuid, kind] = task
        task.add_done_callback(lambda _: self._playing.pop((leg.uuid, kind), None))

    def stop(self, leg: Leg, kind: str) -> None:
        """Stop what `play` plays."""
        task = self._playing.pop((leg.uuid, kind), None)
        if task is not None:
            task.cancel()
            leg.member.playout.stop()

    async def close(self) -> None:
        """Hang up all calls, and wait for the last events for a bounded time."""
        for leg in list(self.legs.values()):
            if not leg.has_ended:
                leg.hang_up()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSING_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _know(self, telephone: Telephone) -> None:
        """Keep a telephone, and the tapes of the latest only."""
        self.telephones.append(telephone)
        if len(self.telephones) > TAPES_KEPT:
            self.telephones.popleft()

    def _leg(
        self,
        application: Application,
        target: EventTarget | None,
        events: LegEvents,
        endpoint: Mapping[str, Any],
        participant: Participant,
        over: asyncio.Event,
    ) -> Leg:
        log = participant.log if isinstance(participant, Telephone) else None
        context = self._context(application, target, log)
        return Leg(context, events, endpoint, participant, over=over)

    def _context(
        self, application: Application, target: EventTarget | None, own: CallLog | None = None
    ) -> CallContext:
        """Return what a call's legs share; `own` takes everything, for a report."""
        behaviour, webhooks = self.behaviour, self.webhooks
        log = own or NetworkLog(self.on_moment, on_problem=self.on_problem)
        if own is not None:
            behaviour = replace(behaviour, keeps=True)
            webhooks = webhooks.noting(own.seconds, own.exchange)
        if target is None and application.event_url is not None:
            target = EventTarget(application.event_url)
        queue = WebhookQueue(webhooks, log, target)
        return CallContext(application, behaviour, webhooks, queue, log, self)

    async def _until_ended(self, work: Coroutine[Any, Any, None], telephone: Telephone) -> None:
        """Run a call, from or to a telephone, to its last event."""
        try:
            await work
        finally:
            if telephone.log is not None:
                telephone.log.close(telephone.over.is_set())
            telephone.ended.set()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._watched(work), name=str(uuid.uuid4()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a call; an error of this program in one call does not end another."""
        try:
            await work
        except Exception as error:
            if self.on_problem is not None:
                seen = f"a fault of the phone itself: {type(error).__name__}: {error}"
                self.on_problem(Problem("phone", seen, "report it, with the application's NCCO"))
            else:
                raise

    async def _keep(self, telephone: Telephone) -> None:
        if telephone.keep is None:
            return
        with contextlib.suppress(AudioError):
            try:
                await asyncio.to_thread(telephone.tape.save, telephone.keep)
            except OSError as error:
                if self.on_problem is not None:
                    self.on_problem(
                        Problem("save", str(error), "is its folder there, and writable?")
                    )
