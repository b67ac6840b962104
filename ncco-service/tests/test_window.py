"""The rolling second: never more requests in any second, wherever the platform sees them."""

from hypothesis import given
from hypothesis import strategies as st
from ncco_service.calls.window import RollingSecond


def test_so_many_at_once_and_then_one_a_second_later() -> None:
    """Three go at once; the fourth waits until a second after the first was answered."""
    window = RollingSecond(3)
    for now in (0.0, 0.1, 0.2):
        assert window.wait(now) == 0
        window.sent()
        window.answered(now + 0.05)
    assert window.wait(0.3) == 1.05 - 0.3
    assert window.wait(1.05) == 0


def test_an_answer_that_does_not_come_holds_its_place() -> None:
    """It may have reached the platform just now."""
    window = RollingSecond(1)
    window.sent()
    assert window.wait(60.0) == 1.0
    window.answered(61.0)
    assert window.wait(61.5) == 0.5


@given(
    limit=st.integers(1, 5),
    ways=st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2), st.floats(0, 1)), max_size=40),
)
def test_the_platform_never_sees_more(limit: int, ways: list[tuple[float, float, float]]) -> None:
    """However long a request and its answer are on their way, in any second so many arrive."""
    window = RollingSecond(limit)
    now, arrived = 0.0, []
    for there, back, pause in ways:
        now += pause
        while (wait := window.wait(now)) > 0:
            now += wait
        window.sent()
        arrived.append(now + there)
        now += there + back
        window.answered(now)
    arrived.sort()
    for first, last in zip(arrived, arrived[limit:], strict=False):
        assert last - first >= 1.0 - 1e-6
