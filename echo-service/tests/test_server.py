"""The service on a real socket."""

from __future__ import annotations

from echo_service.server import EchoService
from websockets.asyncio.client import connect


async def test_audio_comes_back(service: EchoService) -> None:
    """Binary messages come back as they were, in order."""
    frames = [bytes([n]) * 640 for n in range(50)]
    async with connect(f"ws://127.0.0.1:{service.port}/socket") as phone:
        await phone.send('{"event":"websocket:connected","content-type":"audio/l16;rate=16000"}')
        for frame in frames:
            await phone.send(frame)
        assert [await phone.recv() for _ in frames] == frames
