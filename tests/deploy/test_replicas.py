"""What several replicas of echo-service share, and what they do not."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tools.processes import ProcessStack
from tools.stack import Service

SETTINGS: dict[Service, dict[str, str]] = {
    "ncco-service": {"SOCKET_SECRET": "a-secret-that-all-replicas-share"},
    "echo-service": {"SOCKET_SECRET": "a-secret-that-all-replicas-share"},
}


def test_a_ticket_opens_each_replica_once() -> None:
    """With N replicas a ticket is good for N sockets, of its own call: docs/deploy.md says so."""
    with ProcessStack(SETTINGS) as one, ProcessStack(SETTINGS) as other:
        call = str(uuid.uuid4())
        url = f"{one.answer_url}?from=447700900000&to=447700900001&uuid={call}"
        with urllib.request.urlopen(url, timeout=60) as response:
            ticket = json.load(response)[-1]["endpoint"][0]["authorization"]["value"]
        opened = [opens(stack, ticket) for stack in (one, other, one, other)]
    assert opened == [True, True, False, False]


def test_a_full_replica_is_alive_and_takes_no_call() -> None:
    """Kubernetes' probes see no difference, a caller does: docs/deploy.md says why."""
    settings: dict[Service, dict[str, str]] = {
        "echo-service": {"MAX_CALLS": "1"},
        "ncco-service": {"PROBE_SOCKET": "0"},  # it would take the only place for a moment
    }
    with ProcessStack(settings) as stack, connect(stack.socket_url):
        assert status(f"{stack.base_url('echo-service')}/healthz") == 200
        assert status(f"{stack.base_url('echo-service')}/readyz") == 503
        with pytest.raises(InvalidStatus) as refused:
            connect(stack.socket_url)
        assert refused.value.response.status_code == 503


def status(url: str) -> int:
    """Return the status of a page."""
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def opens(stack: ProcessStack, ticket: str) -> bool:
    """Return whether the ticket opens the stack's socket now."""
    try:
        with connect(stack.socket_url, additional_headers={"Authorization": ticket}):
            return True
    except InvalidStatus as refused:
        return {401: False}[refused.response.status_code]
