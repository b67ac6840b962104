"""Echo on picows, which parses frames in Cython and calls back without a task."""

from __future__ import annotations

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.peers import serving


class _Echo(WSListener):
    _transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            transport.send(WSMsgType.BINARY, frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    # Without these two, a peer that does not read would grow the write buffer without bound.
    def pause_writing(self) -> None:
        self._transport.underlying_transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.underlying_transport.resume_reading()


def _listener(request: WSUpgradeRequest) -> WSListener:
    return _Echo()


async def _main() -> None:
    server = await ws_create_server(_listener, serving.HOST, serving.port())
    serving.announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    serving.run(_main())
