"""Turns: one answer to each, none to a noise, whatever order the events come in."""

from __future__ import annotations

from assistant.commands import Cancel, Commit, Create, Delete, Hold, Resume, Stop
from assistant.turns import Policy, State, Turns


def said(turns: Turns, item: str = "u1") -> list[object]:
    """Say something that the local detector and the server hear."""
    before = [*turns.onset(), *turns.speech(), *turns.silence()]
    return [*before, *turns.committed(item, 700, False)]


def test_a_turn_is_answered_once() -> None:
    """Hold while it is not known, then stop, then ask for one response."""
    turns = Turns(Policy())
    assert said(turns) == [Hold(), Stop(), Create()]
    assert turns.state(False) is State.THINKING
    assert turns.created("r1") == []
    assert turns.takes("r1")
    assert turns.done("r1") == []
    assert turns.state(False) is State.LISTENING


def test_an_interruption_cancels_and_mutes() -> None:
    """Once; late audio of it is not heard; the next turn waits until it is done."""
    turns = Turns(Policy())
    said(turns)
    turns.created("r1")
    assert turns.onset() == [Hold()]
    assert turns.state(True) is State.PAUSED
    assert turns.speech() == [Cancel("r1"), Stop()]
    assert not turns.takes("r1")
    assert turns.pressed() == [Stop()]
    assert turns.committed("u2", 700, True) == []
    assert turns.done("r1") == [Create()]


def test_an_interruption_of_what_is_buffered_stops_it() -> None:
    """The response is done, its sound is not: nothing to cancel, but to stop."""
    turns = Turns(Policy())
    said(turns)
    turns.created("r1")
    turns.done("r1")
    assert turns.speech() == [Stop()]
    assert not turns.takes("r1")


def test_a_noise_is_taken_back() -> None:
    """Held, resumed; what the server made of it is deleted; nothing is asked for."""
    turns = Turns(Policy())
    said(turns)
    turns.created("r1")
    assert turns.onset() == [Hold()]
    assert turns.noise() == [Resume()]
    assert turns.committed("u2", 400, True) == [Delete("u2")]
    assert turns.takes("r1")
    assert turns.active == "r1"


def test_a_noise_that_becomes_speech_interrupts() -> None:
    """Later than others, but it does."""
    turns = Turns(Policy())
    said(turns)
    turns.created("r1")
    turns.onset()
    turns.noise()
    assert turns.speech() == [Cancel("r1"), Stop()]
    assert turns.committed("u2", 900, True) == []
    assert turns.done("r1") == [Create()]


def test_a_response_that_was_asked_for_in_vain_is_cancelled() -> None:
    """The caller goes on before the server has created it."""
    turns = Turns(Policy())
    said(turns)
    assert turns.speech() == [Stop()]
    assert turns.created("r1") == [Cancel("r1")]
    assert not turns.takes("r1")
    assert turns.committed("u2", 700, False) == []
    assert turns.done("r1") == [Create()]
    assert turns.created("r2") == []
    assert turns.takes("r2")


def test_a_quiet_caller_is_answered() -> None:
    """The local detector hears nothing, the server does."""
    assert Turns(Policy()).committed("u1", 500, False) == [Create()]


def test_what_is_held_when_a_turn_ends_goes_on() -> None:
    """The server knows before the local detector does."""
    turns = Turns(Policy())
    turns.onset()
    assert turns.committed("u1", 500, False) == [Resume(), Create()]
    assert turns.state(False) is State.THINKING


def test_an_echo_is_not() -> None:
    """Both hear what plays."""
    turns = Turns(Policy())
    turns.echo()
    assert turns.committed("u1", 900, True) == [Delete("u1")]
    turns.echo()
    assert turns.committed("u2", 5000, True) == [Delete("u2")]
    turns.echo()
    assert turns.committed("u3", 5000, False) == [Create()]


def test_a_server_that_creates_responses_itself_answers_once() -> None:
    """Whether its own is first, with ours refused, or ours is second."""
    turns = Turns(Policy())
    said(turns)
    assert turns.created("auto") == []
    assert turns.refused(active=True) == []
    assert turns.done("auto") == []
    said(turns, "u2")
    assert turns.created("auto2") == []
    turns.done("auto2")
    assert turns.created("ours") == [Cancel("ours")]
    assert not turns.takes("ours")


def test_a_rude_server_is_silenced() -> None:
    """It speaks while the caller does."""
    turns = Turns(Policy())
    turns.onset()
    turns.speech()
    assert turns.created("rude") == [Cancel("rude")]
    assert turns.committed("u1", 700, False) == []
    assert turns.done("rude") == [Create()]


def test_a_refusal_for_an_old_response_is_made_good() -> None:
    """Asked again when that is done."""
    turns = Turns(Policy())
    assert said(turns)[-1] == Create()
    assert turns.refused(active=True) == []
    assert turns.done("unknown") == [Create()]


def test_another_refusal_is_not_repeated() -> None:
    """Or it would be for ever."""
    turns = Turns(Policy())
    said(turns)
    assert turns.refused(active=False) == []
    assert turns.done("unknown") == []


def test_functions_are_answered_together() -> None:
    """Two at once: one response, after the last output and the end of the first response."""
    turns = Turns(Policy())
    said(turns)
    turns.created("r1")
    turns.function_called("r1")
    turns.function_called("r1")
    assert turns.function_returned("r1", last_word=False) == []
    assert turns.function_returned("r1", last_word=False) == []
    assert turns.done("r1") == [Create()]


def test_a_slow_function_is_waited_for() -> None:
    """The response is done, and the other function too: still one answer, after the last output."""
    turns = Turns(Policy())
    said(turns)
    turns.created("r1")
    turns.function_called("r1")
    turns.function_called("r1")
    assert turns.function_returned("r1", last_word=False) == []
    assert turns.done("r1") == []
    assert turns.function_returned("r1", last_word=False) == [Create()]


def test_an_interruption_does_not_wait_for_a_function() -> None:
    """Its output comes late, and starts nothing."""
    turns = Turns(Policy())
    said(turns)
    turns.created("r1")
    turns.function_called("r1")
    assert turns.speech() == [Cancel("r1"), Stop()]
    turns.committed("u2", 700, False)
    assert turns.done("r1") == [Create()]
    turns.created("r2")
    assert turns.function_returned("r1", last_word=False) == []
    assert turns.done("r2") == []


def test_a_function_of_an_interrupted_response_is_not_answered() -> None:
    """The caller's turn is."""
    turns = Turns(Policy())
    said(turns)
    turns.created("r1")
    turns.function_called("r1")
    turns.speech()
    turns.done("r1")
    assert turns.function_returned("r1", last_word=False) == []
    assert turns.committed("u2", 700, False) == [Create()]


def test_local_turns_are_committed_here() -> None:
    """And a noise is none."""
    turns = Turns(Policy(local_turns=True))
    turns.onset()
    turns.noise()
    assert turns.silence() == []
    turns.onset()
    turns.speech()
    assert turns.silence() == [Commit(), Create()]
    assert turns.committed("u1", 700, False) == []


def test_the_model_may_tell_interruptions() -> None:
    """Then the local detector holds nothing."""
    turns = Turns(Policy(barge_in="model"))
    assert turns.onset() == turns.speech() == []
    assert turns.server_speech() == [Stop()]
    assert turns.committed("u1", 100, False) == [Create()]
    turns.created("r1")
    assert turns.server_speech() == [Cancel("r1"), Stop()]


def test_interruptions_can_be_off() -> None:
    """What is said meanwhile is answered when the response is done."""
    turns = Turns(Policy(barge_in="off"))
    assert turns.onset() == turns.speech() == turns.server_speech() == []
    turns.committed("u1", 700, False)
    turns.created("r1")
    assert turns.committed("u2", 700, True) == []
    assert turns.takes("r1")
    assert turns.done("r1") == [Create()]
    assert turns.pressed() == [Stop()]
