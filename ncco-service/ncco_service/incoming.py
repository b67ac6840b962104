"""A request while it comes in: is there enough of it that a thread can answer without waiting?

This only finds where a request ends (RFC 9112, sections 6 and 7.1). Whatever is wrong with it is
gunicorn's to refuse, so that counts as whole.
"""

__all__ = ["MAX_HEAD_BYTES", "Incoming"]

MAX_HEAD_BYTES = 65_536
"""Of the request line and the headers together; gunicorn's own limits are for each line."""

_READ_AHEAD = 2048  # gunicorn asks for the last bytes of a chunked body in steps of 1024

_CHUNK_LINE_BYTES = 8192  # gunicorn's limit, about

_EXPECT = (b"expect", b"100-continue")


class Incoming:
    """What has come of one request, perhaps with some of the next behind it.

    The work is proportional to the bytes fed, however small the pieces are.

    Attributes:
        data: what has come, in bytes; without ``Expect: 100-continue`` once the head is there.
        whole: whether a thread may have it.
        over: whether the rest is not worth waiting for, since it will be refused.
        cut: whether the rest must not even be read.
        asks: whether the peer waits for "100 Continue" before it sends the body.

    Args:
        max_body: the longest body that is taken, in bytes.

    """

    def __init__(self, max_body: int) -> None:
        self.data = bytearray()
        self.whole = self.over = self.cut = self.asks = False
        self._max_body = max_body
        self._length: int | None = None  # of the body; None when it is chunked
        self._body_at = -1  # where the body begins
        self._searched = 0  # where the next search for a delimiter begins
        self._chunk_at = 0  # where the next chunk's line begins
        self._chunked = 0  # the bytes in the chunks before it
        self._trailers = False

    def feed(self, piece: bytes) -> None:
        """Take what came next."""
        self.data += piece
        if self._body_at < 0:
            self._find_head()
        if self._body_at >= 0 and not self.whole:
            if self._length is None:
                self._find_last_chunk()
            else:
                self.whole = len(self.data) - self._body_at >= self._length
        self.asks = self.asks and not self.whole

    def _find_head(self) -> None:
        end = self.data.find(b"\r\n\r\n", self._searched)
        if end >= 0:
            self._read_head(end)
        else:
            self._searched = max(0, len(self.data) - 3)
            self._give_up_if(len(self.data) > MAX_HEAD_BYTES)

    def _read_head(self, end: int) -> None:
        lines = bytes(self.data[:end]).split(b"\r\n")
        old = bytes(self.data[:end]).strip().partition(b"\r\n")[0].endswith(b"HTTP/1.0")
        fields = [_field(line) for line in lines]
        lengths = [value for name, value in fields if name == b"content-length"]
        codings = [value for name, value in fields if name == b"transfer-encoding"]
        if codings:
            words = [word.strip(b" \t").lower() for word in b",".join(codings).split(b",")]
            self.whole = bool(lengths) or old or b"chunked" not in words
        elif lengths:
            self._length = _length(lengths, self._max_body + 1)
            self.whole = self.over = self._length > self._max_body
        else:
            self._length = 0
        if _EXPECT in fields and not self.whole and not old:
            # We say it, so gunicorn shall not say it again.
            self.asks = True
            kept = [line for line, field in zip(lines, fields, strict=True) if field != _EXPECT]
            self.data[:end] = b"\r\n".join(kept)
            end = self.data.index(b"\r\n\r\n")
        self._body_at = self._chunk_at = self._searched = end + 4

    def _find_last_chunk(self) -> None:
        came = self._chunked
        while not self.whole:
            if self._trailers:
                self.whole = self.data.find(b"\r\n\r\n", self._searched) >= 0
                self._searched = max(self._searched, len(self.data) - 3)
                break
            end = self.data.find(b"\r\n", self._searched)
            if end < 0:
                self._searched = max(self._chunk_at, len(self.data) - 1)
                self._give_up_if(self._searched - self._chunk_at > _CHUNK_LINE_BYTES)
                break
            if end - self._chunk_at > _CHUNK_LINE_BYTES:
                self._give_up_if(True)
                break
            size = _chunk_size(bytes(self.data[self._chunk_at : end]))
            if size == 0:
                self._trailers, self._searched = True, end
                continue
            following = end + 2 + (size or 0) + 2
            if size is not None and following > len(self.data):
                self._searched = end
                came += max(0, min(size, len(self.data) - end - 2))
                break
            self.whole = size is None or self.data[following - 2 : following] != b"\r\n"
            self._chunked += size or 0
            came = self._chunked
            self._chunk_at = self._searched = following
        if not self.whole and came > self._max_body + _READ_AHEAD:
            self.whole = self.over = True
        # Chunks of a byte or two, or endless words beside them.
        self._give_up_if(len(self.data) > self._body_at + 2 * self._max_body + MAX_HEAD_BYTES)

    def _give_up_if(self, hopeless: bool) -> None:
        if hopeless and not self.whole:
            self.whole = self.over = self.cut = True


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    name = name.strip().lower()
    value = value.strip(b" \t")
    return name, value.lower() if name == b"expect" else value


def _length(values: list[bytes], enough: int) -> int:
    """Read a Content-Length, or as much of it as is enough; 0 for what gunicorn will refuse."""
    if len(values) > 1 or not values[0].isdigit():
        return 0
    digits = values[0].lstrip(b"0")
    return enough if len(digits) > 18 else min(int(digits or b"0"), enough)


def _chunk_size(line: bytes) -> int | None:
    digits = line.partition(b";")[0].rstrip(b" \t")
    if not digits or digits.strip(b"0123456789abcdefABCDEF"):
        return None
    return int(digits, 16)
