"""Tokens on the terminal: shown once, listed by their beginning, refused in a line."""

from __future__ import annotations

from tests.cli.terminal import Terminal


def test_a_token_is_shown_once_listed_by_its_beginning_and_revoked(breach: Terminal) -> None:
    made = breach.json("token add siem --scope read --scope open --expires 2036-06-30")
    assert made["token"].startswith(made["prefix"])
    assert (made["scopes"], made["expires_at"]) == (["open", "read"], "2036-06-30T23:59:59Z")
    listed = breach("token list")
    assert made["prefix"] in listed
    assert made["token"] not in listed
    assert breach.json("token revoke T-0001")["state"] == "revoked"
    assert "revoked" in breach("token list --all")


def test_a_token_that_cannot_be_made_says_what_to_write(breach: Terminal) -> None:
    breach("token list")  # makes the account of who types
    assert "choose among acknowledge, approve" in breach.refused(*["token", "add", "siem", "--scope", "all"])
    assert "write 2027-06-30" in breach.refused(*["token", "add", "siem", "--scope", "read", "--expires", "tomorrow"])
    assert "a day to come" in breach.refused(*["token", "add", "siem", "--scope", "read", "--expires", "2020-01-01"])
    assert "no such token" in breach.refused(*["token", "revoke", "T-0009"])
