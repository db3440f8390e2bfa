"""`shopr users`: accounts of shoppers, analysts and operators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.security.accounts import Account
    from shopr.security.session_records import Privilege
    from shopr.shop import Shop

__all__ = ["users"]

ROLES = ["user", "analyst", "operator"]


@click.group(epilog="Example: shopr users add maria --role operator")
def users() -> None:
    """Accounts: shoppers make their own in the app; analysts see the dashboards, operators act on security as well."""


@users.command(epilog="Example: shopr users add maria --role operator")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="user", show_default=True, help="What the account may do.")
@click.option("--user-id", default="", metavar="ID", help="Bind it to a shopper whom the shop knows already.")
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE",
              help="Take the password from a file's first line, - for stdin, instead of asking.")  # fmt: skip
@json_option
def add(name: str, *, role: Privilege, user_id: str, password_file: Path | None, as_json: bool) -> None:
    """Make an account called NAME. The password is asked for, never taken from the command line."""
    from shopr.shop import Shop

    made = Shop.open().add_account(name, _password(password_file), privilege=role, user_id=user_id, actor=_actor())
    if as_json:
        echo_json(_row(made))
    else:
        echo(f"{made.name} may sign in as {role}; user id {made.user_id}")


@users.command("list", epilog="Example: shopr users list --role operator --json")
@click.option("--role", type=click.Choice(ROLES), help="Only accounts of this role.")
@click.option("--count", default=1000, show_default=True, type=click.IntRange(1, 100_000), help="The newest so many.")
@json_option
def list_(*, role: str | None, count: int, as_json: bool) -> None:
    """List accounts, newest first."""
    from shopr.shop import Shop

    found = [one for one in Shop.open().accounts.listed(count) if role in (None, one.privilege)]
    if as_json:
        echo_json([_row(one) for one in found])
        return
    rows = [
        [one.name or "(unreadable)", one.user_id, one.privilege, f"{one.created_at:%Y-%m-%d}",
         f"{one.seen_at:%Y-%m-%d %H:%M}" if one.seen_at else "never", one.locked_why or ""]
        for one in found
    ]  # fmt: skip
    echo_table(["name", "user id", "role", "since", "last seen (UTC)", "locked because"], rows)


@users.command(epilog="Example: shopr users role maria analyst")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
def role(name: str, role: Privilege) -> None:
    """Let NAME do more, or less: its sessions end, the next log-in has the new ROLE."""
    shop, account = _found(name)
    ended = shop.set_role(account, role, actor=_actor())
    echo(f"{account.name} is {role} from the next log-in on; {_ended(ended)}")


@users.command(epilog="Example: shopr users password maria")
@click.argument("name")
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE",
              help="Take the password from a file's first line, - for stdin, instead of asking.")  # fmt: skip
def password(name: str, *, password_file: Path | None) -> None:
    """Give NAME another password; its sessions end."""
    shop, account = _found(name)
    ended = shop.reset_password(account, _password(password_file), actor=_actor())
    echo(f"{account.name} has another password; {_ended(ended)}")


@users.command(epilog='Example: shopr users lock ann --reason "a lost phone"')
@click.argument("name")
@click.option("--reason", required=True, help="Why; it goes into the audit log.")
def lock(name: str, *, reason: str) -> None:
    """Keep NAME out until it is unlocked, and end its sessions."""
    shop, account = _found(name)
    ended = shop.lock_account(account, reason=reason, actor=_actor())
    echo(f"{account.name} is kept out; {_ended(ended)}")


@users.command(epilog='Example: shopr users unlock ann --reason "found again"')
@click.argument("name")
@click.option("--reason", required=True, help="Why; it goes into the audit log.")
def unlock(name: str, *, reason: str) -> None:
    """Let NAME in again. Locks after wrong passwords end by themselves, or on the Security page."""
    shop, account = _found(name)
    shop.unlock_account(account, reason=reason, actor=_actor())
    echo(f"{account.name} may sign in again")


@users.command(epilog="Example: shopr users sessions ann --end")
@click.argument("name")
@click.option("--end", is_flag=True, help="End them all.")
@json_option
def sessions(name: str, *, end: bool, as_json: bool) -> None:
    """List the sessions of NAME that hold, last seen first."""
    shop, account = _found(name)
    found = shop.security.sessions.of_user(account.user_id)
    if end:
        for one in found:
            shop.security.end_session(one.id, reason="ended from the command line", actor=_actor())
    if as_json:
        echo_json([{"id": one.id, "device": one.device, "since": one.created_at, "seen": one.seen_at, "ended": end}
                   for one in found])  # fmt: skip
        return
    rows = [[one.id[:8], one.device, f"{one.created_at:%Y-%m-%d %H:%M}", f"{one.seen_at:%Y-%m-%d %H:%M}"]
            for one in found]  # fmt: skip
    echo_table(["session", "device", "since (UTC)", "seen (UTC)"], rows)
    if end:
        echo(_ended(len(found)))


def _found(name: str) -> tuple[Shop, Account]:
    """The shop and an account of it, by name or by user id.

    Raises:
        UnknownNameError: if there is none.
    """
    from shopr.errors import UnknownNameError
    from shopr.shop import Shop

    shop = Shop.open()
    account = shop.accounts.named(name) or shop.accounts.of(name)
    if account is None:
        raise UnknownNameError("user", name, [one.name for one in shop.accounts.listed(100)])
    return shop, account


def _password(file: Path | None) -> str:
    """A password from a file, from stdin, or asked for twice without being shown."""
    from shopr.errors import InputError

    if file is None:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    try:
        with click.open_file(str(file), encoding="utf-8") as lines:
            return str(lines.readline(4096)).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"no password could be read from {file}: {error}", hint="Give a text file, or -") from None


def _row(account: Account) -> dict[str, object]:
    return {
        "name": account.name, "user_id": account.user_id, "role": account.privilege, "created": account.created_at,
        "seen": account.seen_at, "locked": account.locked, "reason": account.locked_why,
    }  # fmt: skip


def _ended(sessions: int) -> str:
    return f"{sessions} session{'' if sessions == 1 else 's'} ended"


def _actor() -> str:
    import getpass

    return getpass.getuser()
