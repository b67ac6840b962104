"""A service that takes the audio of phone calls on WebSockets and sends audio back.

Rooms, top floor first: `service` (composition), `server` (connections and HTTP), `calls` (all
live calls), `handlers` (what happens to the audio), `websocket` (one connection), `playback` and
`recording`, `call` (one call's state), `loop_monitor`, `settings`, `logs`, `protocol`. `testing`
is for the tests of your own handlers. A room imports only rooms below it.
"""
