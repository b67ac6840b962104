"""A leg: its state and events, the conversation that it is in, the call that it belongs to."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TypeVar

from phone.legs.identity import Identity
from phone.legs.log import CallLog, Problem, Severity
from phone.legs.participant import Participant
from phone.legs.telephone import Callee, Telephone
from phone.platform.mixing.conversation import Conversation, Member
from phone.platform.mixing.recording import Recording
from phone.platform.settings import Application, Behaviour
from phone.platform.webhooks.client import WebhookClient
from phone.platform.webhooks.events import LegEvents
from phone.platform.webhooks.exchange import Reply
from phone.platform.webhooks.queue import EventTarget, WebhookQueue

__all__ = ["CallContext", "Directory", "Leg", "Progress"]

T = TypeVar("T")
KEYS_KEPT = 100  # pressed before an `input` asks for them


@dataclass(frozen=True)
class Progress:
    """Progress of a socket's audio."""

    frames: int
    of: int


class Directory(Protocol):
    """Interface of the network that a call runs in."""

    def callee(self, number: str) -> tuple[Telephone, Callee] | None:
        """Return a subscriber's telephone, and how it takes calls; None: unknown number."""

    def room(self, name: str) -> Conversation:
        """Return the application's conversation of that name, a new one if there is none."""

    def conversation(self, uuid: str) -> Conversation | None:
        """Return a conversation that has members; None if there is none."""

    def add(self, leg: "Leg") -> None:
        """Register a leg that begins."""

    def ended(self, leg: "Leg") -> None:
        """Register that a leg has ended."""

    def may_connect(self) -> bool:
        """Return whether one more `connect` is within the limit of new calls a second."""

    def publish(self, recording: Recording) -> str:
        """Return the URL at which a recording can be fetched."""


@dataclass(frozen=True)
class CallContext:
    """What the legs of one call share.

    Args:
        application: whose call it is.
        behaviour: of the platform.
        webhooks: the HTTP client.
        events: takes the events.
        log: takes what happens.
        directory: of the network.
        on_progress: called with the audio's progress.

    """

    application: Application
    behaviour: Behaviour
    webhooks: WebhookClient
    events: WebhookQueue
    log: CallLog
    directory: Directory
    on_progress: Callable[[Progress], None] | None = None

    def problem(self, step: str, seen: str, advice: str, severity: Severity = "failure") -> None:
        """Record a problem; in strict mode a warning is a failure."""
        severity = "failure" if self.behaviour.strict else severity
        self.log.record(Problem(step, seen, advice, severity))


@dataclass(eq=False)
class Leg:
    """One leg of a call.

    Args:
        call: the call's.
        events: who calls whom, and the shapes of its events.
        endpoint: what it leads to, as the Voice API shows it.
        participant: who is at its end.
        over: set when it is to end, by whom says `ended_by`.
        target: where its events go; None: to the application.
        root: whether an NCCO runs on it.
        async_input: where each key goes while an asynchronous `input` runs.

    """

    call: CallContext
    events: LegEvents
    endpoint: Mapping[str, Any]
    participant: Participant
    over: asyncio.Event = field(default_factory=asyncio.Event)
    target: EventTarget | None = None
    root: bool = True
    status: str = "started"
    ended_by: Literal["platform", "user"] = "user"
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    conversation: Conversation | None = None
    keys: deque[str] = field(default_factory=lambda: deque(maxlen=KEYS_KEPT))
    key_pressed: asyncio.Event = field(default_factory=asyncio.Event)
    async_input: EventTarget | None = None
    transfer: "asyncio.Future[Any] | None" = None
    member: Member = field(init=False)

    def __post_init__(self) -> None:
        self.member = Member(self.uuid, self.participant, self._take_key)
        self.call.directory.add(self)

    @property
    def uuid(self) -> str:
        """The leg's uuid."""
        return self.events.uuid

    @property
    def is_over(self) -> bool:
        """Whether the leg is to end, or has ended."""
        return self.over.is_set()

    def answer_fields(self) -> dict[str, str]:
        """Return the fields of this leg's answer webhook."""
        events = self.events
        identity = Identity(events.caller, events.called, self.uuid, events.conversation_uuid)
        return identity.answer_fields() | {"endpoint_type": str(self.endpoint["type"])}

    def post(self, event: Mapping[str, Any]) -> asyncio.Future[Reply | None]:
        """Post an event of this leg."""
        return self.call.events.post(event, self.target)

    def becomes(self, status: str, **extra: Any) -> asyncio.Future[Reply | None]:
        """Change the leg's status, and post the event."""
        self.status = status
        if status == "answered":
            return self.post(self.events.answered())
        return self.post(self.events.event(status, **extra))

    @property
    def has_ended(self) -> bool:
        """Whether the leg has ended."""
        return self.ended_at is not None

    def fails(self, status: str, **extra: Any) -> dict[str, Any]:
        """End the leg before it was answered; return the event that says why, not posted yet."""
        self.status = status
        self.ended_at = datetime.now(UTC)
        self.call.directory.ended(self)
        return self.events.event(status, **extra)

    def complete(self, by: Literal["platform", "user"]) -> None:
        """End the leg: leave the conversation, and post the last event."""
        self.leave()
        self.status = "completed"
        self.ended_at = datetime.now(UTC)
        self.post(self.events.completed(by))
        self.call.directory.ended(self)

    def join(self, conversation: Conversation) -> None:
        """Join a conversation, and leave the previous one.

        Raises:
            ConversationFull: the conversation has the maximum of members.

        """
        if self.conversation is not conversation:
            conversation.join(self.member)
            self.leave()
            self.conversation = conversation

    def leave(self) -> None:
        """Leave the conversation."""
        if self.conversation is not None:
            self.conversation.leave(self.uuid)
            self.conversation = None

    def hang_up(self, by: Literal["platform", "user"] = "platform") -> None:
        """Ask the leg to end."""
        if not self.over.is_set():
            self.ended_by = by
            self.over.set()

    def replace_ncco(self, ncco: Any) -> bool:
        """Let another NCCO replace the one that runs; return whether one ran."""
        if self.transfer is None or self.transfer.done():
            return False
        self.transfer.set_result(ncco)
        return True

    async def unless_over(self, work: Awaitable[T]) -> T | None:
        """Return what `work` returns, or None as soon as the leg is over."""
        task = asyncio.ensure_future(work)
        over = asyncio.create_task(self.over.wait())
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            over.cancel()
            task.cancel()
            await asyncio.gather(task, over, return_exceptions=True)

    def _take_key(self, digit: str) -> None:
        if self.async_input is not None:
            dtmf = {"digits": digit, "timed_out": False}
            self.call.events.post(self.events.without_status(dtmf=dtmf), self.async_input)
            return
        self.keys.append(digit)
        self.key_pressed.set()
