"""Takes the audio of a phone call on a WebSocket and plays it back."""
