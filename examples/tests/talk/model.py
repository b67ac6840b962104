"""The fake model as a process, and what it has noted."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

__all__ = ["FakeModel"]

EXAMPLES = Path(__file__).parents[2]
PATIENCE = 20.0


class FakeModel:
    """A fake model at work.

    Args:
        arguments: of its command line.

    """

    def __init__(self, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fake-model-")
        self._journal = Path(self._folder.name, "journal")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "assistant.fake", "--port", "0"]
            + ["--journal", str(self._journal), *arguments],
            cwd=EXAMPLES,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        listening = re.search(r"url=(\S+)", line)
        assert listening, line
        self.url = listening[1]

    async def journals(self, calls: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return what happened in these calls, by their ids, once they are over."""
        async with asyncio.timeout(PATIENCE):
            while True:
                text = self._journal.read_text() if self._journal.exists() else ""
                # Its last line may be half written.
                lines = text[: text.rfind("\n") + 1].splitlines()
                bodies = {body["call"]: body for body in map(json.loads, lines)}
                if bodies.keys() >= set(calls):
                    return {call: bodies[call] for call in calls}
                await asyncio.sleep(0.05)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE)
        self._folder.cleanup()
