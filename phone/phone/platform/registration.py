"""The application that the simulated platform knows: who may call its API, and its subscribers."""

import json
import uuid
from pathlib import Path
from typing import Annotated, Any, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from phone.audio.files import AudioError, load
from phone.constants import API_KEY, PLATFORM_RATE, Method
from phone.legs.keys import parse_keys
from phone.legs.telephone import Callee, Takes
from phone.legs.urls import checked_url
from phone.platform.ncco.endpoints import Number
from phone.platform.settings import Application
from phone.words import printable

__all__ = ["Registration", "RegistrationError", "Subscriber", "Webhook", "Webhooks"]

FILE_MAX_BYTES = 1024 * 1024
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class RegistrationError(ValueError):
    """An application's file that cannot be used; the message says why and what to do."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Webhook(_Model):
    """One webhook, in the Application API's shape; a plain URL will do as well."""

    address: str
    http_method: Method = "GET"

    @field_validator("address")
    @classmethod
    def _url(cls, value: str) -> str:
        return checked_url(value, "http", "https")


class Webhooks(_Model):
    """The application's webhooks."""

    answer_url: Webhook | None = None
    event_url: Webhook | None = None
    fallback_answer_url: Webhook | None = None

    @field_validator("answer_url", "fallback_answer_url", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"address": value} if isinstance(value, str) else value

    @field_validator("event_url", mode="before")
    @classmethod
    def _plain_event(cls, value: Any) -> Any:
        return {"address": value, "http_method": "POST"} if isinstance(value, str) else value


class Subscriber(_Model):
    """How a number of the network takes calls; see `Callee`."""

    takes: Takes = "answer"
    answer_after: Seconds = 0.5
    say: str | None = None
    keys: str = ""
    hang_up_after: Seconds | None = None
    keep: str | None = None
    say_after: Seconds = 0

    @field_validator("keys")
    @classmethod
    def _keys(cls, value: str) -> str:
        parse_keys(value, 1.0)
        return value

    def callee(self, folder: Path) -> Callee:
        """Return the callee; its files are relative to a folder."""
        say: str | Path | None = self.say
        if self.say is not None and self.say not in ("speech", "tone", "silence"):
            say = folder / self.say
        keep = None if self.keep is None else folder / self.keep
        return Callee(
            takes=self.takes,
            answer_after=self.answer_after,
            say=say,
            keys=self.keys,
            hang_up_after=self.hang_up_after,
            keep=keep,
            say_after=self.say_after,
        )


class Registration(_Model):
    """An application.

    Args:
        id: the `application_id` in its tokens.
        public_key: PEM; clients sign with the private one. None: the Voice API refuses everyone.
        api_key: the account's, for the Application API and in signatures.
        api_secret: the account's; None: the Application API refuses everyone.
        signature_secret: signs webhooks; None: they are not signed.
        name: of the application.
        numbers: the application's own.
        webhooks: where calls to these numbers are answered.
        subscribers: the other numbers of the network.

    """

    id: str = Field(default_factory=lambda: str(uuid.uuid4()), min_length=1)
    public_key: str | None = None
    api_key: str = API_KEY
    api_secret: str | None = Field(default=None, repr=False)
    signature_secret: str | None = Field(default=None, repr=False)
    name: str = "phone"
    numbers: tuple[Number, ...] = ()
    webhooks: Webhooks = Webhooks()
    subscribers: dict[Number, Subscriber] = Field(default_factory=dict)

    @field_validator("public_key")
    @classmethod
    def _rsa(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            good = isinstance(load_pem_public_key(value.encode()), RSAPublicKey)
        except (ValueError, UnsupportedAlgorithm):
            good = False
        if not good:
            raise ValueError("is no RSA public key in PEM; the private one stays with the caller")
        return value

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file of `phone platform --application`.

        Raises:
            RegistrationError: it cannot be read, or a field of it is wrong.

        """
        try:
            with path.open("rb") as file:
                data = file.read(FILE_MAX_BYTES + 1)
            if len(data) > FILE_MAX_BYTES:
                raise RegistrationError(f"{path} is larger than an application's file can be")
            registration = cls.model_validate_json(data)
            for number, subscriber in registration.subscribers.items():
                callee = subscriber.callee(path.parent)
                try:
                    load(callee.say or "silence", PLATFORM_RATE)
                except AudioError as error:
                    raise RegistrationError(f"{path}: subscribers.{number}.say: {error}") from error
        except OSError as error:
            raise RegistrationError(
                f"{path} cannot be read ({error.strerror}); make one with phone platform --init DIR"
            ) from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            seen = printable(json.dumps(first.get("input"), default=str), 80)
            message = first["msg"].removeprefix("Value error, ")
            raise RegistrationError(f"{path}: {where}: {message} (seen: {seen})") from error
        return registration

    def application(self) -> Application:
        """Return what a call from outside asks.

        Raises:
            RegistrationError: there is no answer URL.

        """
        hooks = self.webhooks
        if hooks.answer_url is None:
            raise RegistrationError(f"the application {self.id} has no answer_url to call")
        return Application(
            hooks.answer_url.address,
            hooks.answer_url.http_method,
            hooks.event_url.address if hooks.event_url else None,
            hooks.fallback_answer_url.address if hooks.fallback_answer_url else None,
        )
