"""What the examples share: finding speech, and writing it down."""
