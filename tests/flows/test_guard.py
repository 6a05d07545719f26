"""What Prefect is told of a failure holds no facts."""

from __future__ import annotations

from incident_flows.errors import InputError
from incident_flows.flows.guard import guarded, told


def test_an_unforeseen_error_is_told_by_its_type_and_place_only() -> None:
    @guarded()
    def flow() -> None:  # type: ignore[misc]
        raise ValueError("Ana Pérez, ana@example.org")

    state = flow()
    assert state.name == "Broken"
    assert state.is_failed()
    assert "ValueError" in state.message
    assert "Ana" not in state.message
    assert "example.org" not in state.message


def test_a_refusal_keeps_its_words_and_loses_what_it_quotes() -> None:
    error = InputError(["facts:3: title: 'Ana Pérez lost it' is too long", "write to ana@example.org"])
    assert told(error) == "facts:3: title: '…' is too long\nwrite to …"


def test_what_a_form_said_itself_may_be_quoted_back() -> None:
    error = InputError("form: data.kinds: 'emial' is no word of data_kinds (did you mean email?)")
    assert "'emial'" in told(error, own_words=True)


def test_an_apostrophe_is_no_quote() -> None:
    assert told(InputError("the organisation's clock isn't set")) == "the organisation's clock isn't set"
