"""Vonage's own package for audio sockets, with its defaults: every piece of audio is sent back."""

import asyncio
import socket

# mypy: disable-error-code="import-not-found"
# The package is in this folder's own environment only.
from audio_connector_sdk.vonage_video import Video
from audio_connector_sdk.vonage_video.core import AudioConnectorConnection
from audio_connector_sdk.vonage_video.models import AudioConnectorServerConfig


async def on_connect(connection: AudioConnectorConnection) -> None:
    """Echo on this connection; text is taken and not answered."""

    async def on_message(message: str | bytes) -> None:
        if isinstance(message, bytes):
            await connection.send_audio_buffer(message)

    connection.set_handler(on_message=on_message)


def free_port() -> int:
    """Return a port that nobody listens on: the package takes no 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def main() -> None:
    """Serve until killed."""
    port = free_port()
    config = AudioConnectorServerConfig(host="127.0.0.1", port=port, on_connect=on_connect)
    await Video().start_audio_connector_server(config)
    print(f"listening url=http://127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
