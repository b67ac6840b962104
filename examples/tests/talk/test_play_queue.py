"""Play queue: each frame is played once, and each item knows how much of it was heard."""

from __future__ import annotations

from assistant.play_queue import PlayQueue

RATE = 8000
FRAME = 320


def filled(*items: tuple[str, int]) -> PlayQueue:
    """Return a queue with items of so many bytes, all of which came."""
    queue = PlayQueue(RATE)
    for name, size in items:
        queue.put("r", name, name.encode() * size)
    queue.finish()
    return queue


def test_an_item_is_cut_into_frames_and_only_its_last_filled_up() -> None:
    """Whatever pieces it comes in; the next one begins with a frame of its own."""
    queue = PlayQueue(RATE)
    for size in (100, 300, 1):
        queue.put("r", "a", b"a" * size)
    queue.put("r", "b", b"b" * FRAME)
    frames = [queue.take() for _ in range(queue.waiting)]
    assert [(frame.item.item_id, frame.number) for frame in frames] == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
    ]
    assert frames[1].pcm == b"a" * 81 + bytes(FRAME - 81)
    assert frames[0].item.done
    assert not frames[2].item.done


def test_what_was_not_heard_is_taken_back_in_order() -> None:
    """Of five frames three were sent and one was heard: four wait, from the second on."""
    queue = filled(("a", 5 * FRAME))
    queue.begin()
    first = [queue.take() for _ in range(3)]
    queue.heard(1)
    queue.take_back(dropped=False)
    assert [queue.take().number for _ in range(queue.waiting)] == [2, 3, 4, 5]
    assert first[0].item.heard_ms == 20


def test_what_was_dropped_is_told_once_by_item() -> None:
    """Sent, waiting, and begun; what is put afterwards is something else."""
    queue = filled(("a", 2 * FRAME), ("b", FRAME))
    queue.begin()
    queue.put("r", "c", b"c" * 10)
    queue.take()
    queue.drop()
    queue.put("s", "d", b"d" * FRAME)
    queue.take_back(dropped=True)
    assert [item.item_id for item in queue.take_dropped()] == ["a", "b", "c"]
    assert queue.take_dropped() == []
    assert queue.take().item.item_id == "d"
