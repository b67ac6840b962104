"""Conversations: their members, the clock, the mixer, and what is played and recorded."""
