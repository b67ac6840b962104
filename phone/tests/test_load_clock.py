"""The clock of a load: when frames leave, and whose fault it is when they leave late."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest
import uvloop
from phone.commands.load import words
from phone.load import LoadResult
from phone.load.machine import OtherWork, stolen_seconds, waited_seconds
from phone.load.ticker import ticking
from phone.load.wheel import Wheel


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
                async with asyncio.timeout(60):
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
            async with asyncio.timeout(60):
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
        wheel = Wheel()
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

    async def test_whoever_is_busy_may_turn_it(self) -> None:
        """A turn is had once, whoever asks for it."""
        wheel = Wheel()
        dues: list[float] = []

        def turn(due: float) -> bool:
            dues.append(due)
            return True

        wheel.add(turn)
        with wheel.turning():
            async with asyncio.timeout(60):
                while len(dues) < 5:
                    wheel.turn()
                    await asyncio.sleep(0)
        assert [round(due - dues[0], 6) for due in dues[:5]] == [0, 0.02, 0.04, 0.06, 0.08]


class TestMachine:
    """What the machine did for others."""

    def test_reading(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Steal is in ticks over all cores, waiting in nanoseconds over all threads."""
        monkeypatch.setattr("phone.load.machine.PROC", tmp_path)
        monkeypatch.setattr("os.sysconf", lambda name: 100)
        own = tmp_path / str(os.getpid())
        for thread in ("1", "2"):
            (own / "task" / thread).mkdir(parents=True)
        (own / "schedstat").touch()

        def write(steal: int, first: int, second: int) -> None:
            lines = f"cpu  1 2 3 4 5 6 7 {steal} 9 10\ncpu0 0 0 0 0 0 0 0 99 0 0\n"
            (tmp_path / "stat").write_text(lines)
            (own / "task/1/schedstat").write_text(f"5000 {first} 77\n")
            (own / "task/2/schedstat").write_text(f"5000 {second} 77\n")

        write(250, 1_500_000_000, 0)
        before = OtherWork.now()
        assert before == OtherWork(2.5, 1.5)
        assert stolen_seconds([0]) == 0.99
        write(300, 1_600_000_000, 150_000_000)
        assert OtherWork.now() - before == OtherWork(0.5, 0.25)

    def test_other_systems(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Where nothing tells it, it is unknown, not nothing."""
        monkeypatch.setattr("phone.load.machine.PROC", tmp_path)
        unknown = OtherWork.now() - OtherWork.now()
        assert unknown == OtherWork(None, None)
        assert unknown.together(unknown) == unknown
        assert "no figures" in words(LoadResult(calls=1, other_work=unknown))

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
    def test_this_machine(self) -> None:
        """This kernel tells both."""
        assert OtherWork.now().stolen is not None
        assert OtherWork.now().waited is not None

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
    def test_steal_adds_up_over_cores(self) -> None:
        """The whole machine's is at least each core's; a core that is not there has none."""
        cores = sorted(os.sched_getaffinity(0))
        single = [stolen_seconds([core]) for core in cores]
        assert stolen_seconds(cores) >= max(single) >= 0
        assert stolen_seconds([99999]) == 0

    def test_a_process_that_is_gone_waits_for_nothing(self) -> None:
        """A process that ended in the meantime does not end the measurement."""
        assert waited_seconds([2**22 - 1]) == 0

    def test_several_processes(self) -> None:
        """Processes see the same steal, and wait each for itself."""
        together = OtherWork(3.0, 1.0).together(OtherWork(2.9, 0.5))
        assert together == OtherWork(3.0, 1.5)


class TestVerdict:
    """Who was the bottleneck."""

    def test_nobody(self) -> None:
        """Frames that left in time spoil nothing, whatever else the machine did."""
        result = LoadResult(calls=1, worked=1, seconds=10.0, other_work=OtherWork(2.0, 3.0))
        result.lags.add(0.5, 100)
        assert (result.own_fault, result.machine_fault) == ("", "")
        assert "bottleneck" not in words(result)
        assert "other work," not in words(result)

    @pytest.mark.parametrize("other_work", [OtherWork(0.01, 0.05), OtherWork(None, None)])
    def test_the_phone(self, other_work: OtherWork) -> None:
        """Late frames are its own fault when nobody else had the processor; so is a full core."""
        late = LoadResult(calls=1, worked=1, seconds=10.0, other_work=other_work)
        late.lags.add(14.0, 100)
        busy = LoadResult(calls=1, worked=1, seconds=10.0, cpu_seconds=9.9)
        assert "14.0 ms late at p99" in late.own_fault
        assert "of a core" in busy.own_fault
        assert late.machine_fault == busy.machine_fault == ""
        assert "The phone was the bottleneck" in words(late)
        assert late.as_dict()["phone_was_the_bottleneck"]

    def test_the_machine(self) -> None:
        """Late frames while others had the processor are the machine's; the lag is reported."""
        result = LoadResult(calls=1, worked=1, seconds=10.0, other_work=OtherWork(2.5, 1.25))
        result.lags.add(40.0, 100)
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

    def test_each_process_waits_for_itself(self) -> None:
        """The share that others had is each process's, not the sum over all."""
        result = LoadResult(seconds=10.0, processes=4, other_work=OtherWork(0.1, 0.4))
        assert result.others_share == pytest.approx(0.02)
