"""Assistant: a call bridged to a speech-to-speech model of the OpenAI Realtime protocol."""
