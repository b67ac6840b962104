"""A network for plain, blocking tests: it runs in a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from phone.legs.telephone import Callee, Telephone
from phone.platform.network import Network
from phone.testing.live import CallFailed, Heard

__all__ = ["LiveNetwork", "LivePerson"]

T = TypeVar("T")
START_SECONDS = 20.0
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.05


class LiveNetwork:
    """A network and the people on it; a context manager that hangs up all calls.

    Args:
        settings: those of `Network`, by name.

    """

    def __init__(self, **settings: Any) -> None:
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._network: Network | None = None
        self._thread = threading.Thread(
            target=self._run, args=(settings,), name="phone network", daemon=True
        )
        self._thread.start()
        self._ready.wait(START_SECONDS)
        if self._error is not None:
            raise self._error

    def __enter__(self) -> "LiveNetwork":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def network(self) -> Network:
        """The network; use it only on its own event loop."""
        if self._network is None:
            raise CallFailed("the network did not start")
        return self._network

    @property
    def url(self) -> str:
        """Where the API is served."""
        return self.network.url

    def subscribe(self, number: str, callee: Callee | None = None) -> None:
        """Say how a number takes calls from now on; by default it answers and stays."""
        self._on_loop(lambda: self.network.subscribe(number, callee or Callee()))

    def dial(self, number: str, *, caller: str, behaves: Callee | None = None) -> "LivePerson":
        """Place a call to the application; see `Network.dial`."""
        telephone = self._on_loop(lambda: self.network.dial(number, caller=caller, behaves=behaves))
        return LivePerson(self, telephone)

    def answered(self, number: str, within: float = WAIT_SECONDS) -> "LivePerson":
        """Wait until a subscriber is called and has answered.

        Raises:
            CallFailed: the number was not called, or the call was not answered.

        """

        async def wait() -> Telephone:
            async with asyncio.timeout(within):
                while (telephone := self.network.telephone(number)) is None:  # noqa: ASYNC110 - no event of its own
                    await asyncio.sleep(POLL_SECONDS)
                await telephone.answered.wait()
            return telephone

        try:
            return LivePerson(self, self.run(wait()))
        except TimeoutError:
            raise CallFailed(
                f"{number} was not called, or did not answer, within {within:g} s"
            ) from None

    def members(self, room: str) -> int:
        """Return how many are in a room."""
        return self._on_loop(lambda: len(self.network.room(room).members))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the network's loop; return its result."""
        if self._loop is None:
            raise CallFailed("the network did not start")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Hang up all calls, and end."""
        if self._loop is not None and self._over is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(START_SECONDS)

    def _on_loop(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return self.run(run())

    def _run(self, settings: dict[str, Any]) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve(settings))
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self, settings: dict[str, Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        async with Network(**settings) as network:
            self._network = network
            self._ready.set()
            await self._over.wait()


class LivePerson:
    """A person on the network, controlled by a test.

    Args:
        network: their network.
        telephone: theirs.

    """

    def __init__(self, network: LiveNetwork, telephone: Telephone) -> None:
        self._network = network
        self._telephone = telephone

    def say(self, source: str | Path, wait: bool = True) -> None:
        """Say something.

        Args:
            source: an audio file, or "speech", "tone".
            wait: until it was said.

        Raises:
            AudioError: there is no such sound.

        """

        async def say() -> None:
            self._telephone.say(source)
            if wait:
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._telephone.quiet.wait()

        self._network.run(say())

    def press(self, keys: str) -> None:
        """Press keys, one after the other.

        Raises:
            ValueError: something that is no key.

        """

        async def press() -> None:
            self._telephone.press(keys)

        self._network.run(press())

    def heard(self, source: str | Path | None = None, within: float = 5.0) -> Heard:
        """Wait until something was heard.

        Args:
            source: an audio file, or "speech", "tone"; None: any sound at all.
            within: seconds to wait for it.

        """

        async def listen() -> Heard:
            deadline = asyncio.get_running_loop().time() + within
            while True:
                match = await asyncio.to_thread(self._telephone.hears, source)
                seconds = f"{self._telephone.tape.seconds:.1f} s were heard"
                over = asyncio.get_running_loop().time() > deadline
                if match.found or over or self._telephone.over.is_set():
                    seen = f"{match.share:.0%} of it, likeness {match.likeness:.2f}; {seconds}"
                    return Heard(match.found, str(source or "any sound"), seen)
                await asyncio.sleep(2 * POLL_SECONDS)

        return self._network.run(listen())

    @property
    def keys_heard(self) -> str:
        """The keys that others have pressed so far."""
        return "".join(self._telephone.keys_heard)

    @property
    def hung_up(self) -> bool:
        """Whether their call is over."""
        return self._telephone.over.is_set()

    def hang_up(self) -> None:
        """Hang up."""

        async def hang_up() -> None:
            self._telephone.hang_up()

        self._network.run(hang_up())
