"""Who calls whom: the names that the platform gives a call and its legs."""

import uuid
from dataclasses import dataclass, field

__all__ = ["CALLED", "CALLER", "Identity", "conversation_uuid", "leg_uuid"]

# Numbers that Ofcom keeps free for films and examples.
CALLER = "447700900000"
CALLED = "447700900001"
REGION_URL = "https://api-eu-1.vonage.com"


def leg_uuid() -> str:
    """Return a fresh leg's uuid."""
    return str(uuid.uuid4())


def conversation_uuid() -> str:
    """Return a fresh conversation's uuid."""
    return f"CON-{uuid.uuid4()}"


@dataclass(frozen=True)
class Identity:
    """A call's identity, as the answer webhook gets it (Webhook reference).

    Args:
        caller: E.164 without `+`, or a user's name.
        called: the application's number.
        uuid: the phone leg's.
        conversation_uuid: the call's, shared by all legs.
        region_url: where REST control of this call would go.

    """

    caller: str = CALLER
    called: str = CALLED
    uuid: str = field(default_factory=leg_uuid)
    conversation_uuid: str = field(default_factory=conversation_uuid)
    region_url: str = REGION_URL

    def answer_fields(self) -> dict[str, str]:
        """Return the fields of the answer request."""
        return {
            "from": self.caller,
            "to": self.called,
            "uuid": self.uuid,
            "conversation_uuid": self.conversation_uuid,
            "region_url": self.region_url,
            "endpoint_type": "phone",
        }
