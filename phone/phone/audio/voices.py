"""A voice for `talk`: espeak-ng, where it is installed, as a process with bounds."""

import asyncio
import contextlib
import html
import re
import shutil

from phone.audio.files import AudioError, Samples, decode

__all__ = ["VoiceError", "speak"]

PROGRAMS = ("espeak-ng", "espeak")  # the second is the first one's ancestor, with the same options
SPEAK_SECONDS = 20.0  # for making the sound, which takes a fraction of its length
SPEECH_MAX_BYTES = 32 * 1024 * 1024  # of WAV: twelve minutes
PIECE_BYTES = 65536
DEFAULT_LANGUAGE = "en-us"
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


class VoiceError(Exception):
    """The text could not be spoken.

    Args:
        seen: what happened.
        advice: what to try.

    """

    def __init__(self, seen: str, advice: str) -> None:
        super().__init__(f"{seen}; {advice}")
        self.seen = seen
        self.advice = advice


async def speak(words: str, language: str, rate: int) -> Samples:
    """Return text as speech, mono at `rate` Hz.

    Args:
        words: without SSML tags. The program never gets any: its own SSML can run other programs.
        language: a tag such as en-US; without a voice of its own, that of en is taken for en-US.
        rate: Hz.

    Raises:
        VoiceError: no program, no voice for the language, or it failed.

    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise VoiceError(
            "there is no espeak-ng to speak with, so the caller heard nothing of talk",
            "install it (on Debian: apt-get install espeak-ng), or use --talk realtime",
        )
    tag = language.lower() if LANGUAGE.fullmatch(language) else DEFAULT_LANGUAGE
    for voice in dict.fromkeys((tag, tag.partition("-")[0])):
        data = await _run(program, voice, html.unescape(words))
        if data is not None:
            try:
                return await asyncio.to_thread(decode, data, rate)
            except AudioError as error:
                raise VoiceError(f"{program} made no sound: {error}", "try it by hand") from error
    raise VoiceError(
        f"{program} has no voice for {tag}, so the caller heard nothing of it",
        f"see {program} --voices",
    )


async def _run(program: str, voice: str, words: str) -> bytes | None:
    """Return the program's WAV, None when it refused the voice."""
    process = await asyncio.create_subprocess_exec(
        program,
        "--stdin",
        "--stdout",
        "-v",
        voice,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without pipes")
    data = bytearray()
    try:
        async with asyncio.timeout(SPEAK_SECONDS):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the status says more
                process.stdin.write(words.encode())
                await process.stdin.drain()
                process.stdin.close()
            while piece := await process.stdout.read(PIECE_BYTES):
                data += piece
                if len(data) > SPEECH_MAX_BYTES:
                    raise VoiceError(f"{program} made too much of it", "shorten the text")
            status = await process.wait()
    except TimeoutError as error:
        seen = f"{program} did not end within {SPEAK_SECONDS:g} s"
        raise VoiceError(seen, "try it by hand") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return bytes(data) if status == 0 else None
