"""Vonage's SDK for Python, unmodified: does what each line of JSON on its input asks for.

Takes the host and port of a platform that speaks https, an application's id and its key's file.
Each line is {"do": NAME, ...}; each answer is a line, too: {"result": ...} or {"error": ...}.
"""

import json
import sys

from vonage import Auth, HttpClientOptions, Vonage
from vonage_http_client.errors import HttpRequestError
from vonage_voice import (
    AudioStreamOptions,
    CreateCallRequest,
    ListCallsFilter,
    TtsStreamOptions,
)
from vonage_voice.models.ncco import Talk


def main(host: str, application: str, key: str) -> None:
    """Answer until the input ends."""
    client = Vonage(
        Auth(application_id=application, private_key=key), HttpClientOptions(api_host=host)
    )
    voice = client.voice
    actions = {
        "create": lambda call: voice.create_call(CreateCallRequest(**call)),
        "list": lambda query: voice.list_calls(ListCallsFilter(**query)),
        "get": voice.get_call,
        "transfer": lambda uuid, text: voice.transfer_call_ncco(uuid, [Talk(text=text)]),
        "transfer_url": voice.transfer_call_answer_url,
        "hangup": voice.hangup,
        "mute": voice.mute,
        "unmute": voice.unmute,
        "earmuff": voice.earmuff,
        "unearmuff": voice.unearmuff,
        "talk": lambda uuid, text: voice.play_tts_into_call(uuid, TtsStreamOptions(text=text)),
        "stop_talk": voice.stop_tts,
        "stream": lambda uuid, url: voice.play_audio_into_call(
            uuid, AudioStreamOptions(stream_url=[url])
        ),
        "stop_stream": voice.stop_audio_stream,
        "dtmf": voice.play_dtmf_into_call,
    }
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"result": plain(actions[asked["do"]](*asked.get("with", [])))}
        except HttpRequestError as error:
            status = error.response.status_code
            answer = {"error": type(error).__name__, "status": status, "text": str(error)}
        print(json.dumps(answer), flush=True)


def plain(result: object) -> object:
    """Return a result as JSON takes it."""
    if isinstance(result, list | tuple):
        return [plain(item) for item in result]
    dump = getattr(result, "model_dump", None)
    return dump(mode="json") if dump else result


if __name__ == "__main__":
    main(*sys.argv[1:])
