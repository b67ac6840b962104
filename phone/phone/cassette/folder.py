"""A cassette on disk: webhooks, messages and sound; numbers masked, secrets left out.

A cassette is a folder with `cassette.json`, `sent.wav` and `heard.wav`. The sound is the caller's
own: mind who may have it.
"""

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from phone.audio.files import save
from phone.constants import frame_bytes
from phone.legs.plan import CallPlan
from phone.platform.webhooks.redaction import without_secrets
from phone.report import CallReport, SocketReport

__all__ = ["Cassette", "CassetteError", "masked", "read_cassette", "write_cassette"]

VERSION = 1
DOCUMENT, SENT, HEARD = "cassette.json", "sent.wav", "heard.wav"
DOCUMENT_MAX_BYTES = 16 * 1024 * 1024
# Runs of digits as long as a telephone number, outside of uuids, tokens and the like.
NUMBER = re.compile(r"(?<![\w.-])\+?[0-9]{7,15}(?![\w-])")


class CassetteError(ValueError):
    """A folder that is no cassette, or cannot become one."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordedExchange(_Model):
    """A webhook and its reply."""

    method: str
    url: str
    fields: dict[str, Any]
    status: int | None
    reply: str


class RecordedMessage(_Model):
    """A text message; `seconds` counts from the first frame."""

    seconds: float
    ours: bool
    text: str


class Document(_Model):
    """What `cassette.json` holds."""

    version: int
    answer_url: str
    method: str
    rate: int | None
    frames: int
    echo_whole: bool
    spoken: list[str]
    statuses: list[str]
    exchanges: list[RecordedExchange]
    messages: list[RecordedMessage]


@dataclass(frozen=True)
class Cassette:
    """A cassette that was read.

    Args:
        folder: where it is.
        document: what was asked, answered and said in text.

    """

    folder: Path
    document: Document

    @property
    def sent(self) -> Path:
        """What the caller said."""
        return self.folder / SENT

    @property
    def heard(self) -> Path:
        """What the caller heard; there may be none."""
        return self.folder / HEARD


def masked(text: str) -> str:
    """Return text with telephone numbers masked, still numbers: all but the last two digits are
    9.
    """
    return NUMBER.sub(lambda match: "9" * 10 + match[0][-2:], text)


def write_cassette(plan: CallPlan, report: CallReport, folder: Path) -> None:
    """Write a call's cassette, whole or not at all.

    Raises:
        CassetteError: there is something already, or the folder cannot be written.

    """
    if folder.exists():
        raise CassetteError(f"{folder} exists; name a new folder, or remove it")
    temporary: Path | None = None
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
        socket = next((s for s in report.sockets if s.trace.sent), None)
        document = _document(plan, report, socket)
        (temporary / DOCUMENT).write_text(masked(document.model_dump_json(indent=1)), "utf-8")
        if socket is not None:
            rate = socket.trace.rate
            save(temporary / SENT, socket.trace.sent, rate)
            if socket.trace.playback.frames:
                save(temporary / HEARD, socket.trace.playback.heard(frame_bytes(rate)), rate)
        temporary.rename(folder)
    except OSError as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise CassetteError(f"{folder} could not be written: {error}") from error


def read_cassette(folder: Path) -> Cassette:
    """Read a cassette.

    Raises:
        CassetteError: the folder is no cassette, or one of another version.

    """
    path = folder / DOCUMENT
    try:
        if path.stat().st_size > DOCUMENT_MAX_BYTES:
            raise CassetteError(f"{path} is too large to be a cassette")
        document = Document.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CassetteError(f"{folder} is no cassette: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CassetteError(f"{path} is damaged: {where}: {first['msg']}") from error
    if document.version != VERSION:
        raise CassetteError(f"{path} has version {document.version}; record it again")
    return Cassette(folder, document)


def _document(plan: CallPlan, report: CallReport, socket: SocketReport | None) -> Document:
    messages = []
    if socket is not None:
        start = socket.trace.sent_at[0]
        messages = [
            RecordedMessage(
                seconds=round(m.at - start, 3), ours=m.ours, text=without_secrets(m.text)
            )
            for m in socket.trace.messages
        ]
    return Document(
        version=VERSION,
        answer_url=report.answer_url,
        method=plan.method,
        rate=socket.trace.rate if socket else None,
        frames=len(socket.trace.sent) if socket else 0,
        echo_whole=bool(socket and socket.alignment.whole),
        spoken=report.spoken,
        statuses=[posted.status for posted in report.events],
        exchanges=[
            RecordedExchange(
                method=exchange.method,
                url=exchange.url,
                fields=dict(exchange.fields),
                status=exchange.status,
                reply=exchange.reply,
            )
            for exchange in report.exchanges
        ],
        messages=messages,
    )
