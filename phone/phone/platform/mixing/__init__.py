"""Conversations: their members, clock and mixer, playout and recording."""
