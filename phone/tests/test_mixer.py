"""The mixer: everyone hears the saturated sum of all others, exactly."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from phone.platform.mixing.mixer import Hearing, mix

SAMPLES = 4
FRAMES = st.lists(
    st.one_of(
        st.none(),
        st.lists(st.integers(-32768, 32767), min_size=SAMPLES, max_size=SAMPLES).map(
            lambda values: np.array(values, "<i2").tobytes()
        ),
    ),
    max_size=8,
)


def told(frames: list[bytes | None], heard_by: list[int]) -> bytes | None:
    """Return what one hears, by the book: add, then cut."""
    known = [np.frombuffer(frames[i] or b"", "<i2").astype(int) for i in heard_by]
    return np.clip(sum(known), -32768, 32767).astype("<i2").tobytes() if known else None


@given(FRAMES)
def test_sum_of_all_others(frames: list[bytes | None]) -> None:
    """Each member hears the sum of the others, cut once, and nothing of its own."""
    for place, heard in enumerate(mix(frames)):
        others = [i for i, frame in enumerate(frames) if i != place and frame is not None]
        assert heard == told(frames, others)


@given(FRAMES, st.data())
def test_restricted(frames: list[bytes | None], data: st.DataObject) -> None:
    """Who may hear only some, or be heard by some alone, changes the sum by just those."""
    places = st.frozensets(st.integers(0, max(0, len(frames) - 1)))
    lists = st.dictionaries(st.integers(0, max(0, len(frames) - 1)), places, max_size=4)
    hearing = Hearing(data.draw(lists), data.draw(lists))
    for place, heard in enumerate(mix(frames, hearing)):
        others = [
            i
            for i, frame in enumerate(frames)
            if i != place
            and frame is not None
            and (i not in hearing.heard_by or place in hearing.heard_by[i])
            and (place not in hearing.hears or i in hearing.hears[place])
        ]
        assert heard == told(frames, others)


def test_two_hear_each_other_to_the_bit() -> None:
    """With two members nothing is computed: each hears the other's very bytes."""
    one, two = bytes(range(256)) + bytes(384), bytes(reversed(range(256))) + bytes(384)
    assert mix([one, two]) == [two, one]
    assert mix([one, None]) == [None, one]
    assert mix([]) == []


def test_saturation() -> None:
    """Two loud members do not wrap around in a third one's ear, and cancel out exactly."""
    loud, low = np.full(4, 30000, "<i2").tobytes(), np.full(4, -30000, "<i2").tobytes()
    assert mix([loud, loud, None])[2] == np.full(4, 32767, "<i2").tobytes()
    assert mix([low, low, None])[2] == np.full(4, -32768, "<i2").tobytes()
    assert mix([loud, low, None])[2] == bytes(8)
