"""The clock of a load: when frames leave, and whose fault it is when they leave late."""

import asyncio
import sys
import time
from pathlib import Path

import pytest
import uvloop
from phone.commands.load import words
from phone.load import LoadResult
from phone.load.blame import Blame
from phone.load.histogram import Histogram
from phone.load.machine import Besides
from phone.load.ticker import ticking
from phone.load.wheel import Wheel

STEP = 0.001


class Processor:
    """A made-up thread on a made-up clock: it works, it sleeps, or others keep it waiting."""

    def __init__(self) -> None:
        self.now = self.used = 0.0
        self.count = 0
        self.blame = Blame(STEP)
        self.blame.start(0.0, 0.0)
        self.late: list[float] = []
        self.own: list[float] = []

    def work(self, seconds: float) -> None:
        """Use the processor."""
        self.now += seconds
        self.used += seconds

    def wait(self, seconds: float) -> None:
        """Let others use it."""
        self.now += seconds

    def steps(self, until: float, each: float) -> None:
        """Take all steps until that time, with so much work after each."""
        while (due := self.count * STEP) < until:
            self.now = max(self.now, due)
            self.late.append(self.now - due)
            self.own.append(self.blame.own(due, self.now, self.used))
            self.work(each)
            self.count += 1


class TestBlame:
    """Own work against other work, on a made-up clock."""

    def test_all_is_well(self) -> None:
        """Work that fits between two steps makes nothing late."""
        processor = Processor()
        processor.steps(1, each=0.0008)
        assert max(processor.late) == max(processor.own) == 0

    def test_one_long_piece_of_work(self) -> None:
        """Work of 80 ms is blamed for all that it delays, and for no more."""
        processor = Processor()
        processor.steps(0.1, each=0.0001)
        processor.work(0.080)
        processor.steps(1, each=0.0001)
        assert max(processor.own) == pytest.approx(0.080, abs=0.002)
        assert sum(processor.own) == pytest.approx(sum(processor.late), rel=0.05)
        assert processor.own[-1] == 0

    def test_too_much_work(self) -> None:
        """Work that never fits is to blame for a lateness that grows."""
        processor = Processor()
        processor.steps(1, each=0.0011)
        assert processor.own[-1] == pytest.approx(processor.late[-1], rel=0.02)
        assert processor.late[-1] > 0.09

    def test_kept_from_the_processor(self) -> None:
        """What others took is not blamed on it, nor is catching up."""
        processor = Processor()
        processor.steps(0.1, each=0.0003)
        processor.wait(0.2)
        processor.steps(0.25, each=0.0003)
        processor.work(0.05)  # what arrived meanwhile
        processor.steps(1, each=0.0003)
        assert max(processor.late) == pytest.approx(0.2, abs=0.002)
        assert max(processor.own) == 0

    def test_work_after_others(self) -> None:
        """Being kept waiting once excuses nothing later."""
        processor = Processor()
        processor.steps(0.1, each=0.0003)
        processor.wait(0.02)
        processor.steps(0.5, each=0.0003)
        processor.work(0.08)
        processor.steps(1, each=0.0003)
        assert max(processor.own) == pytest.approx(0.08, abs=0.002)


class TestTicking:
    """The wheel's clock in a real loop."""

    @pytest.mark.parametrize("kernel", [True, False])
    def test_ticks(self, kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ticks come at the rate that was asked for, with the kernel's timer and without."""
        if not kernel:
            monkeypatch.setattr("phone.load.ticker._timer", lambda first, step: None)
        elif sys.platform != "linux":
            pytest.skip("only Linux has such timers")

        async def count_ticks() -> list[float]:
            ticks: list[float] = []
            enough = asyncio.Event()

            def tick() -> None:
                ticks.append(time.perf_counter())
                if ticks[-1] >= begin + 0.5:
                    enough.set()

            begin = time.perf_counter() + 0.05
            with ticking(begin, 0.01, tick):
                async with asyncio.timeout(10):
                    await enough.wait()
                assert ticks[0] >= begin - 0.002  # timers of the loop are rounded
            return ticks

        ticks = uvloop.run(count_ticks())
        assert 2 <= len(ticks) <= 52  # a busy machine misses some
        assert all(earlier < later for earlier, later in zip(ticks, ticks[1:], strict=False))

    async def test_stops(self) -> None:
        """Behind it, nothing ticks."""
        ticked = asyncio.Event()
        with ticking(time.perf_counter(), 0.001, ticked.set):
            async with asyncio.timeout(5):
                await ticked.wait()
        ticked.clear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ticked.wait()


class TestWheel:
    """Turns of legs."""

    def test_a_turn_each_20_ms(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each leg has one turn every 20 ms, in a slot of its own while there are enough; one that
        is over has none.
        """
        clock = 0.0
        monkeypatch.setattr("phone.load.wheel.perf_counter", lambda: clock)
        own_lags = Histogram()
        wheel = Wheel(own_lags)
        turns: dict[str, list[float]] = {"a": [], "b": [], "short": []}

        def leg(name: str) -> None:
            def turn(due: float) -> bool:
                turns[name].append(due)
                return name != "short" or len(turns[name]) < 3

            wheel.add(turn)

        for name in turns:
            leg(name)
        for millisecond in range(100):
            clock = (millisecond + 0.5) / 1000
            wheel.turn()
        assert {name: len(dues) for name, dues in turns.items()} == {"a": 5, "b": 5, "short": 3}
        gaps = [later - earlier for earlier, later in zip(turns["a"], turns["a"][1:], strict=False)]
        assert gaps == pytest.approx([0.02] * 4)
        assert turns["b"][0] - turns["a"][0] == pytest.approx(0.001)
        assert own_lags.total == 13

    async def test_whoever_is_busy_may_turn_it(self) -> None:
        """A turn is had once, whoever asks for it."""
        wheel = Wheel(Histogram())
        dues: list[float] = []

        def turn(due: float) -> bool:
            dues.append(due)
            return True

        wheel.add(turn)
        with wheel.turning():
            async with asyncio.timeout(10):
                while len(dues) < 5:
                    wheel.turn()
                    await asyncio.sleep(0)
        assert [round(due - dues[0], 6) for due in dues[:5]] == [0, 0.02, 0.04, 0.06, 0.08]


class TestMachine:
    """What the machine did besides."""

    def test_reading(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Steal is in ticks over all cores, waiting in nanoseconds of this thread."""
        stat, schedstat = tmp_path / "stat", tmp_path / "schedstat"
        monkeypatch.setattr("phone.load.machine.STAT", stat)
        monkeypatch.setattr("phone.load.machine.SCHEDSTAT", schedstat)
        monkeypatch.setattr("os.sysconf", lambda name: 100)
        stat.write_text("cpu  1 2 3 4 5 6 7 250 9 10\ncpu0 0 0 0 0 0 0 0 99 0 0\n")
        schedstat.write_text("5000 1500000000 77\n")
        before = Besides.now()
        assert before == Besides(2.5, 1.5)
        stat.write_text("cpu  1 2 3 4 5 6 7 300 9 10\n")
        schedstat.write_text("6000 1750000000 78\n")
        assert Besides.now() - before == Besides(0.5, 0.25)

    def test_other_systems(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Where nothing tells it, it is unknown, not nothing."""
        monkeypatch.setattr("phone.load.machine.STAT", tmp_path / "none")
        monkeypatch.setattr("phone.load.machine.SCHEDSTAT", tmp_path / "none")
        unknown = Besides.now() - Besides.now()
        assert unknown == Besides(None, None)
        assert unknown.together(unknown) == unknown
        assert "does not say" in words(LoadResult(calls=1, besides=unknown))

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
    def test_this_machine(self) -> None:
        """This kernel tells both."""
        assert Besides.now().stolen is not None
        assert Besides.now().waited is not None

    def test_several_processes(self) -> None:
        """Processes see the same theft, and wait each for itself."""
        together = Besides(3.0, 1.0).together(Besides(2.9, 0.5))
        assert together == Besides(3.0, 1.5)


class TestVerdict:
    """Who was the bottleneck."""

    def test_nobody(self) -> None:
        """Frames that left in time spoil nothing."""
        result = LoadResult(calls=1, worked=1)
        result.lags.add(0.5, 100)
        assert (result.own_fault, result.machine_fault) == ("", "")
        assert "bottleneck" not in words(result)
        assert "other work" not in words(result)

    def test_the_phone(self) -> None:
        """Its own work, or a full processor, are its fault."""
        late, busy = LoadResult(calls=1, worked=1), LoadResult(calls=1, worked=1)
        late.lags.add(14.0, 100)
        late.work_lags.add(12.0, 100)
        busy.seconds, busy.cpu_seconds = 10.0, 9.9
        assert "12.0 ms late at p99" in late.own_fault
        assert "of a core" in busy.own_fault
        assert late.machine_fault == busy.machine_fault == ""
        assert "The phone was the bottleneck" in words(late)
        assert late.as_dict()["phone_was_the_bottleneck"]

    def test_the_machine(self) -> None:
        """Late frames without work to blame are the machine's; the lag is reported as it is."""
        result = LoadResult(calls=1, worked=1, seconds=10.0, besides=Besides(2.5, 1.25))
        result.lags.add(40.0, 100)
        result.work_lags.add(0.1, 100)
        assert result.own_fault == ""
        assert "40.0 ms" in result.machine_fault
        text = words(result)
        assert "The machine had other work" in text
        assert "waited 1.2 s for a processor, the hypervisor took 2.5 s" in text
        assert "p99 40.0" in text
        shown = result.as_dict()
        assert shown["own_lag_ms"]["p99"] == pytest.approx(40.0)
        assert shown["machine"]["stolen_seconds"] == 2.5
        assert shown["machine"]["waited_seconds"] == 1.25
