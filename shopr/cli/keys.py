"""`shopr keys`: the master keys that everything encrypted hangs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.config import Settings
    from shopr.security.crypto_keyfile import FileKeyring

__all__ = ["keys"]


@click.group(epilog="Example: shopr keys rotate")
def keys() -> None:
    """The keyring in `keys/` below SHOPR_HOME. Back that folder up apart from the data: one is no use without the
    other."""


@keys.command("list", epilog="Example: shopr keys list --json")
@json_option
def list_(*, as_json: bool) -> None:
    """List the master keys: ids and states, never secrets."""
    from shopr.config import Settings
    from shopr.security.crypto_keyfile import keyring_of

    found = [{"id": k.id, "state": k.state, "created": k.created} for k in keyring_of(Settings()).keys]
    if as_json:
        echo_json(found)
    else:
        echo_table(["key", "state", "created"], [list(row.values()) for row in found])


@keys.command(epilog="Example: shopr keys create")
def create() -> None:
    """Make the keyring, where there is none yet; in production none is made by itself."""
    from shopr.config import Settings
    from shopr.security.crypto_keyfile import FileKeyring, keyring_file

    settings = Settings()
    there = keyring_file(settings).exists()
    ring = FileKeyring(keyring_file(settings))
    echo(f"{'There is a keyring already' if there else 'Made a keyring'} in {ring.path}: key {ring.active()} is active")


@keys.command(epilog="Example: shopr keys rotate")
def rotate() -> None:
    """Make a new active key and wrap every data key by it; nothing has to stop, and a second call goes on after a
    kill. Where the keys come from SHOPR_KEYS, its first key is taken: put the new one there before."""
    from shopr.config import Settings
    from shopr.security.crypto import Cipher
    from shopr.security.crypto_keyfile import FileKeyring, keyring_of
    from shopr.storage import Database

    settings = Settings()
    ring = keyring_of(settings)
    with Database.open(settings) as database:
        wrapped = Cipher.open(settings, database, masters=ring).keys
        waiting = wrapped.rewrap(limit=0)
        if waiting == 0 and isinstance(ring, FileKeyring):
            ring.rotate()
        if waiting or isinstance(ring, FileKeyring):
            _note(settings, database, "key_rotated", ring.active())
        while (left := wrapped.rewrap()) > 0:
            echo(f"{left} data keys left")
    echo(f"Key {ring.active()} is active and wraps every data key; earlier ones may be destroyed")


@keys.command(epilog="Example: shopr keys destroy k20260101-0a1b2c3d --yes")
@click.argument("key_id")
@click.option("--yes", is_flag=True, help="Do it: there is no way back.")
def destroy(key_id: str, *, yes: bool) -> None:
    """Forget the secret of a retired key. What only it unlocks is gone for good."""
    from shopr.config import Settings
    from shopr.errors import InputError
    from shopr.security.crypto import Cipher
    from shopr.storage import Database

    settings = Settings()
    ring = _ring(settings)
    with Database.open(settings) as database:
        left = Cipher.open(settings, database, masters=ring).keys.rewrap(limit=0)
        if left:
            raise InputError(
                f"{left} data keys are still wrapped by earlier keys", hint="Run 'shopr keys rotate' first"
            )
        if not yes:
            raise InputError(f"key {key_id!r} was not destroyed: there is no way back", hint="Add --yes to do it")
        ring.destroy(key_id)
        _note(settings, database, "key_destroyed", key_id)
    echo(f"Key {key_id} is destroyed")


@keys.command(epilog="Example: shopr keys renew ann bob")
@click.argument("people", nargs=-1)
@json_option
def renew(people: tuple[str, ...], *, as_json: bool) -> None:
    """Give PEOPLE new data keys and encrypt their texts anew; without names, go on with what was stopped.

    Nothing has to stop for it. What cannot be read stays as it is and is counted.
    """
    from shopr.shop import Shop

    done = Shop.open().security.reencrypt(people)
    if as_json:
        echo_json(done)
        return
    columns = ["column", "records", "renewed", "overtaken", "unreadable"]
    echo_table(columns, [[name, f.seen, f.renewed, f.overtaken, f.unreadable] for name, f in done.items()])


def _ring(settings: Settings) -> FileKeyring:
    from shopr.errors import ConfigError
    from shopr.security.crypto_keyfile import FileKeyring, keyring_of

    ring = keyring_of(settings)
    if not isinstance(ring, FileKeyring):
        raise ConfigError("the master keys come from SHOPR_KEYS", hint="Put the new key first in SHOPR_KEYS instead")
    return ring


def _note(settings: Settings, database: object, action: str, key_id: str) -> None:
    import getpass

    from shopr.security.audit import AuditLog, anchor_file
    from shopr.storage import Database

    assert isinstance(database, Database)
    AuditLog(database, anchor_file(settings)).record(action, actor=getpass.getuser(), object_=f"key {key_id}")
