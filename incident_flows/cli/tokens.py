"""Verbs about tokens, by which programs act through the API."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated

import typer

from incident_flows.cli import common, render
from incident_flows.cli.common import As, Json, edge
from incident_flows.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    tokens = typer.Typer(help="Tokens by which programs act through the API.", no_args_is_help=True)
    tokens.command("add")(edge(add))
    tokens.command("list")(edge(list_all))
    tokens.command("revoke")(edge(revoke))
    app.add_typer(tokens, name="token")


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the program is called.")],
    scope: Annotated[
        list[str], typer.Option("--scope", help="A verb it may do, such as read or open; may be repeated.")
    ],
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DATE", help="Last day it works; default: in a year.")
    ] = None,
    json: Json = False,
    as_: As = None,
) -> None:
    """Make a token of the acting account; it does what its scopes and the account's roles allow. Shown once."""
    from incident_flows.services.tokens import add_token

    ends = None
    if expires is not None:
        try:
            ends = datetime.combine(date.fromisoformat(expires), time(23, 59, 59), UTC)
        except ValueError:
            raise InputError(f"--expires: {expires!r} is not a date; write 2027-06-30") from None
    desk = common.desk()
    row, word = add_token(
        desk, name, scopes=scope, expires_at=ends, actor=common.actor(desk, as_), now=common.now()
    )
    if json:
        render.print_json({**row, "token": word})
    else:
        render.say(
            f"{row['id']} {row['name']}: acts as {row['account']}, for {', '.join(row['scopes'])}, "
            f"until {render.utc(row['expires_at'])}. Shown this once:",
            word,
        )


def list_all(
    all_: Annotated[bool, typer.Option("--all", help="Of every account; for administrators.")] = False,
    json: Json = False,
    as_: As = None,
) -> None:
    """Tokens of the acting account; how each begins, what for, last used when."""
    from incident_flows.services.tokens import list_tokens

    desk = common.desk()
    rows = list_tokens(desk, actor=common.actor(desk, as_), now=common.now(), everybodys=all_)
    if json:
        render.print_json(rows)
    elif rows:
        render.table(
            ("token", "program", "account", "begins", "for", "last used", "until"),
            [
                (
                    one["id"], one["name"], one["account"], one["prefix"] + "…", ", ".join(one["scopes"]),
                    render.utc(one["used_at"]) if one["used_at"] else "never",
                    render.utc(one["expires_at"]) if one["state"] == "works" else one["state"],
                )
                for one in rows
            ],
        )  # fmt: skip
    else:
        render.say("No token was made. `breach token add NAME --scope read` makes one.")


def revoke(
    ref: Annotated[str, typer.Argument(metavar="TOKEN", help="Such as T-0001.")],
    json: Json = False,
    as_: As = None,
) -> None:
    """Let a token work no more, from now on."""
    from incident_flows.services.tokens import revoke_token

    desk = common.desk()
    row = revoke_token(desk, ref, actor=common.actor(desk, as_), now=common.now())
    if json:
        render.print_json(row)
    else:
        render.say(f"{row['id']} {row['name']}: {row['state']}")
