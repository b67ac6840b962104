"""What to call and how: the settings of one call, checked before anything is dialled."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from phone.audio.files import SPEECH
from phone.constants import (
    API_KEY,
    CONNECT_LIMIT_SECONDS,
    ECHO_TIMEOUT,
    HANDSHAKE_TIMEOUT,
    RATES,
    Expect,
    Method,
    TalkMode,
)
from phone.legs.assumptions import Assumptions
from phone.legs.faults import Faults
from phone.legs.identity import Identity
from phone.legs.keys import parse_keys
from phone.legs.urls import checked_url

__all__ = ["ANSWER_URL", "CallPlan", "PlanError"]

ANSWER_URL = "http://localhost:8080/webhooks/answer"
ANSWER_WAIT = 1.0  # s on the line for an application that is no echo
WAIT_MAX = 600


class PlanError(ValueError):
    """A plan with a wrong setting; the message says which one, what was seen, what to
    do.
    """


@dataclass(frozen=True)
class CallPlan:
    """One call's settings.

    Args:
        answer_url: the application's answer webhook.
        method: of the answer webhook; GET is the platform's default.
        event_url: the application's event webhook; None: the one that the NCCO names first.
        fallback_url: the application's fallback webhook, for when others fail.
        identity: who calls whom.
        audio: what the caller says: a file, or "speech", "tone", "silence".
        seconds: how long; None: as long as the audio. Cuts or loops it.
        rate: refuse an NCCO that asks for another rate, in Hz; None: take what it says.
        dtmf: keys to press: "12#", spread over the call, or "1@0.5,#@2" at those seconds.
        expect: what makes the call a success: the caller's audio back ("echo"), any audio
            ("audio"), or just a call without errors ("any").
        talk: how `talk`, `stream` and `wait` pass: "at-once", unheard; "realtime", in the time that
            the platform would take, and streams are heard; "aloud", in which `talk` is heard too,
            if espeak-ng is installed.
        strict: count warnings as failures.
        save: where to write what was heard, as WAV.
        wait: seconds on the line after the last frame, for the rest of the echo or for an answer;
            None: 10 for an echo, which end sooner when it is complete, 1 otherwise.
        handshake_timeout: seconds for opening the socket.
        signature_secret: signs webhooks, and handshakes that ask for it; None: nothing is signed.
        api_key: the account's, in signatures.
        application_id: the application's, in signatures.
        faults: what goes wrong on purpose.
        assume: what the platform does where it does not say.
        ca_file: PEM file of an authority to trust besides the system's.

    """

    answer_url: str = ANSWER_URL
    method: Method = "GET"
    event_url: str | None = None
    fallback_url: str | None = None
    identity: Identity = field(default_factory=Identity)
    audio: str | Path = SPEECH
    seconds: float | None = None
    rate: int | None = None
    dtmf: str = ""
    expect: Expect = "echo"
    talk: TalkMode = "at-once"
    strict: bool = False
    save: Path | None = None
    wait: float | None = None
    handshake_timeout: float = HANDSHAKE_TIMEOUT
    signature_secret: str | None = field(default=None, repr=False)
    api_key: str = API_KEY
    application_id: str | None = None
    faults: Faults = field(default_factory=Faults)
    assume: Assumptions = field(default_factory=Assumptions)
    ca_file: Path | None = None

    def check(self) -> None:
        """Check everything that can be checked without the network.

        Raises:
            PlanError: the first setting that is wrong.

        """
        _check_url("the answer URL", self.answer_url)
        if self.event_url is not None:
            _check_url("the event URL", self.event_url)
        if self.fallback_url is not None:
            _check_url("the fallback URL", self.fallback_url)
        if self.wait is not None and not 0 <= self.wait <= WAIT_MAX:
            raise PlanError(f"wait is {self.wait:g}; give 0 to {WAIT_MAX} seconds")
        if not 0 < self.handshake_timeout <= WAIT_MAX:
            raise PlanError(f"the handshake timeout is {self.handshake_timeout:g}; give seconds")
        if self.seconds is not None and not 0 < self.seconds <= CONNECT_LIMIT_SECONDS:
            raise PlanError(
                f"seconds is {self.seconds:g}; give more than 0 and at most {CONNECT_LIMIT_SECONDS}"
            )
        if self.rate is not None and self.rate not in RATES:
            raise PlanError(f"rate is {self.rate}; the platform has {', '.join(map(str, RATES))}")
        try:
            parse_keys(self.dtmf, 1.0)
        except ValueError as error:
            raise PlanError(str(error)) from error
        if self.save is not None and not self.save.absolute().parent.is_dir():
            raise PlanError(f"there is no folder {self.save.absolute().parent} to save into")
        if self.save is not None and self.save.is_dir():
            raise PlanError(f"{self.save} is a folder; name the WAV file in it")
        self.tls()

    @property
    def listening(self) -> float:
        """Seconds on the line after the last frame."""
        if self.wait is not None:
            return self.wait
        return ECHO_TIMEOUT if self.expect == "echo" else ANSWER_WAIT

    def tls(self) -> ssl.SSLContext | None:
        """Return the trusted certificates, None for the system's.

        Raises:
            PlanError: the file of the authority cannot be used.

        """
        if self.ca_file is None:
            return None
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise PlanError(
                f"{self.ca_file} cannot be used as an authority ({error}); give a PEM file"
            ) from error
        return context


def _check_url(name: str, url: str) -> None:
    try:
        checked_url(url, "http", "https")
    except ValueError as error:
        raise PlanError(f"{name} is {url!r}: it {error}; give http:// or https://") from None
