"""Verbs about who may act: accounts, their roles, and the links by which their owners set them up."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Json, edge
from incident_flows.errors import InputError

if TYPE_CHECKING:
    from incident_flows.services.desk import Desk
    from incident_flows.services.set_up import Link

Name = Annotated[str, typer.Argument(metavar="NAME")]
Roles = Annotated[
    list[str],
    typer.Option(
        "--role", help="reporter, handler, approver, counsel, auditor, admin; may be given several times."
    ),
]
Person = Annotated[
    str | None, typer.Option("--person", help="The natural person, if they have another account already.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    accounts = typer.Typer(help="Who may act, in which role.", no_args_is_help=True)
    accounts.command("add")(edge(add))
    accounts.command("list")(edge(list_all))
    accounts.command("link")(edge(link))
    accounts.command("bind")(edge(bind))
    accounts.command("bar")(edge(bar))
    accounts.command("let-in")(edge(let_in))
    app.add_typer(accounts, name="account")


def add(name: Name, role: Roles, person: Person = None, json: Json = False, as_: As = None) -> None:
    """Add an account; four-eyes rules need a second person. Prints the link by which its owner sets it up."""
    from incident_flows.services.desk import add_account
    from incident_flows.services.set_up import set_up_link

    desk, now = common.desk(), common.now()
    actor = common.actor(desk, as_)
    row = add_account(desk, name, roles=role, person=person, actor=actor, now=now)
    made = set_up_link(desk, name, actor=actor, now=now)
    if json:
        render.print_json({**row, **_as_json(made)})
    else:
        render.say(f"{row['name']}: {', '.join(row['roles'])}")
        _show(made, name)


def link(name: Name, json: Json = False, as_: As = None) -> None:
    """Make a new link by which the owner of an account sets it up; older ones, and then sessions, end."""
    from incident_flows.services.set_up import set_up_link

    desk = common.desk()
    made = set_up_link(desk, name, actor=common.actor(desk, as_), now=common.now())
    if json:
        render.print_json({"name": name, **_as_json(made)})
    else:
        _show(made, name)


def _address(made: Link) -> str:
    from incident_flows.console.server import address_of

    return f"{address_of(common.settings())}/set-up/{made.word}"


def _as_json(made: Link) -> dict[str, str | None]:
    until = made.expires_at
    return {"set_up": _address(made), "set_up_until": None if until is None else until.isoformat()}


def _show(made: Link, name: str) -> None:
    assert made.expires_at is not None
    render.say(
        f"Hand {name} this link, which works once, until {made.expires_at:%Y-%m-%d %H:%M}Z, for the console:",
        _address(made),
    )


def bind(
    name: Name,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Who they are to the company's sign-on.")],
    as_: As = None,
) -> None:
    """Tie an account to one person of the company's sign-on (BREACH_OIDC_ISSUER), for good."""
    from incident_flows.services.company import bind as bound

    issuer = common.settings().oidc_issuer
    if issuer is None:
        raise InputError("BREACH_OIDC_ISSUER: is not set, so there is no company's sign-on to be known to")
    desk = common.desk()
    bound(desk, name, subject, issuer=issuer, actor=common.actor(desk, as_), now=common.now())
    render.say(f"{name}: signs in as {subject} of {issuer}")


def bar(name: Name, as_: As = None) -> None:
    """Bar an account from acting and end its sessions; accounts are never deleted."""
    _barred(name, True, as_)


def let_in(name: Name, as_: As = None) -> None:
    """Let a barred account act again."""
    _barred(name, False, as_)


def _barred(name: str, barred: bool, as_: str | None) -> None:
    from incident_flows.services.set_up import set_disabled

    desk = common.desk()
    set_disabled(desk, name, barred, actor=common.actor(desk, as_), now=common.now())
    render.say(f"{name}: {'barred' if barred else 'let in'}")


def list_all(json: Json = False) -> None:
    """All accounts with their roles."""
    with common.desk().database.read() as tx:
        rows = tx.accounts.list()
    if json:
        render.print_json(
            [
                {"name": row.name, "person": row.person, "roles": list(row.roles), "disabled": row.disabled}
                for row in rows
            ]
        )
    else:
        render.table(
            ("name", "person", "roles"),
            [
                (row.name, row.person, ", ".join(row.roles) + (" (barred)" if row.disabled else ""))
                for row in rows
            ],
        )


def first_link(desk: Desk, *, now: datetime) -> str | None:
    """Return the address by which who starts the engine sets their account up; None once somebody can sign in."""
    from incident_flows.services.set_up import link_at_start

    made = link_at_start(desk, common.actor(desk, None), now=now)
    return None if made is None else _address(made)
