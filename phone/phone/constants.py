"""The platform's numbers, each with a name and where it is published.

Sources: "WebSockets guide", "NCCO reference", "Webhook reference", "Application overview" are
pages of Vonage's developer documentation; "webhook retries" and "webhook timeouts" are articles
of its support site (115016024247 and 17498678806044). What is published nowhere is marked so;
there the careful value is the default and an option changes it.
"""

from typing import Final, Literal

# What a caller may choose, and what the platform may be told.
Expect = Literal["echo", "audio", "any"]  # that makes a call a success
TalkMode = Literal["at-once", "realtime", "aloud"]  # how `talk`, `stream` and `wait` pass

# The wire's audio: linear PCM, 16 bit, mono, little-endian, one message every 20 ms (WebSockets
# guide).
FRAME_MS: Final = 20
FRAME_SECONDS: Final = FRAME_MS / 1000
FRAMES_PER_SECOND: Final = 1000 // FRAME_MS
BYTES_PER_SAMPLE: Final = 2
RATES: Final = (8000, 16000, 24000)  # Hz; 24000 is in the SDKs since 2026
PLATFORM_RATE: Final = 16000  # Hz, of what the platform plays: no telephone carries more
KEYS: Final = "0123456789*#"

USER_AGENT: Final = "phone (a simulated Vonage platform)"  # theirs is not published

# Webhooks (Application overview, webhook timeouts).
Method = Literal["GET", "POST"]
CONNECT_TIMEOUT: Final = 1.0  # s, every webhook
ANSWER_TIMEOUT: Final = 5.0  # s, answer and fallback
EVENT_TIMEOUT: Final = 10.0  # s, events
ATTEMPTS: Final = 2  # "attempted twice" (Webhook reference, webhook retries)
RETRIED_STATUSES: Final = frozenset({429, 503, 504})  # webhook retries
API_KEY: Final = "abcd1234"  # of an account that does not exist; theirs have eight characters

# The NCCO (NCCO reference).
HEADERS_MAX_BYTES: Final = 512  # of a websocket endpoint; how they are counted is not published
# Of a websocket endpoint that names none; not in the reference, the Python SDK's default.
CONTENT_TYPE: Final = "audio/l16;rate=16000"
AUTHORIZATION_MAX_CHARACTERS: Final = 8192  # "less than", in the Java SDK
TALK_MAX_CHARACTERS: Final = 1500  # outside SSML tags
CONNECT_RING_SECONDS: Final = 60  # the default of connect's `timeout`
CONNECT_LIMIT_SECONDS: Final = 7200  # the default and the maximum of connect's `limit`
WAIT_SECONDS: Final = (0.1, 10.0, 7200.0)  # least, default, most; clamped, says the Node SDK

MEMBERS_MAX: Final = 50  # of a conversation (NCCO reference, conversation)
RING_SECONDS: Final = 60  # the default of `ringing_timer`
LENGTH_SECONDS: Final = 7200  # the default of `length_timer`
LENGTH_MAX_SECONDS: Final = 86_400  # "up to 24 hours" (vonage-voice 1.4.0)
# Not published: how soon a machine is told from a person. A second of its greeting.
DETECTION_SECONDS: Final = 1.0

# Not published: how much louder `level` 1 is than 0, and 0 than -1. Twice as loud, to the ear.
LEVEL_DB: Final = 10.0

# The Voice API (concepts/cps-limit, troubleshooting guide).
CALLS_PER_SECOND: Final = 3  # new calls in any rolling second
REQUESTS_PER_SECOND: Final = 15  # other requests

# The buffer that plays the application's audio to the caller (tutorial "Play audio into a
# WebSocket").
PLAY_BUFFER_MESSAGES: Final = 3072  # 61.44 s

# Not published: how long the platform waits for the socket's handshake. Five seconds, as for the
# answer.
HANDSHAKE_TIMEOUT: Final = 5.0
# Not published: the close code when the caller hangs up. A normal end (RFC 6455 7.4.1).
HANGUP_CODE: Final = 1000
# Seen in the field (vocode-core issue 727): the platform's reaction to a frame of a wrong size.
WRONG_SIZE_CODE: Final = 1006
# Not published: the length of a key press. The WebSockets guide's example.
DTMF_MILLISECONDS: Final = 260

# What this program bounds so that no application can hang or flood it; not the platform's numbers.
BODY_MAX_BYTES: Final = 256 * 1024  # of a webhook's reply
STREAM_MAX_BYTES: Final = 32 * 1024 * 1024  # of a file that `stream` plays
NCCO_MAX_ACTIONS: Final = 100
NCCOS_PER_CALL: Final = 50  # an application that answers every event with a new NCCO
MESSAGE_MAX_BYTES: Final = 256 * 1024  # of one message on the socket
TEXTS_KEPT: Final = 100  # text messages shown; the rest is counted
TEXTS_MAX: Final = 10_000  # text messages taken before the leg is given up
FLOOD_FACTOR: Final = 2  # audio beyond this many times what real time and the buffer can hold
SEND_TIMEOUT: Final = (
    5.0  # s until one message has left; longer means the application stopped reading
)
CLOSE_TIMEOUT: Final = 2.0  # s for the closing handshake
ECHO_TIMEOUT: Final = 10.0  # s for the rest of the echo after the last frame
ECHO_QUIET: Final = 3.0  # s without audio after which the rest of the echo is given up
UNSENT_MAX: Final = 40_000  # messages that wait for a stalled socket: 13 minutes
EVENTS_MAX: Final = 200  # events of one call waiting to be posted
AUDIO_FILE_SECONDS: Final = 600  # of an audio file; longer calls loop it


def frame_bytes(rate: int) -> int:
    """Return the bytes of one 20 ms frame at `rate` Hz: 320, 640 or 960."""
    return rate // FRAMES_PER_SECOND * BYTES_PER_SAMPLE
