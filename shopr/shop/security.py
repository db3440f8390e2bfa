"""What keeps one installation safe, wired: keys, sessions, limits, locks, access, the guard, the audit log.

    shop.security.guard.inspect(Request("hello", session_id="…", address="203.0.113.7"))
    shop.security.cipher            # what stores of personal texts take
    shop.security.doors(app)        # an ASGI app behind all its doors

Acts of operators (block, unblock, end a session) go through here, so that each is in the audit log with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shopr.clock import Clock
from shopr.config import Settings
from shopr.errors import NotReadyError, UnknownNameError

if TYPE_CHECKING:
    from shopr.security.access_book import AccessBook, KeptRule
    from shopr.security.apikeys import ApiKeys
    from shopr.security.asgi import App
    from shopr.security.audit import AuditLog
    from shopr.security.checks import FailureCheck
    from shopr.security.crypto import Cipher
    from shopr.security.crypto_rotation import Reencrypted
    from shopr.security.guard import Guard
    from shopr.security.limits import Limits
    from shopr.security.lockout import Lockout
    from shopr.security.principal import Principal
    from shopr.security.sessions import Sessions
    from shopr.security.state import State
    from shopr.security.uploads import Uploads
    from shopr.security.watch import Watch
    from shopr.storage.database import Database
    from shopr.storage.subjects import SubjectStore, SubjectStores

__all__ = ["Security"]

AUTOMATIC = "shopr"
_AGENT_API = ("/_stcore/agent/",)
_OWN_TOKEN = ("/collect/own", "/collect/consent", "/account/")
"""Beacons carry no header of ours, and forms bring their token in their body; where they come from is checked here."""
_KEYED = ("/collect", "/metrics")
"""What asks for a key instead of a session."""
_STREAMLIT_UPLOADS = ("/_stcore/upload_file/",)


@dataclass
class Security:
    """The security of one shop.

    Attributes:
        settings, shop, clock: as of the shop.
        open_database: gives the database when it is first needed.
        tell: told of each of the guard's events, for analytics and alerts.
        stores: gives stores with personal data that are no table of the database, or more than one.
    """

    settings: Settings
    shop: str
    clock: Clock
    open_database: Callable[[], Database]
    tell: Callable[[Mapping[str, Any]], None] | None = None
    stores: Callable[[], Iterable[SubjectStore]] = tuple

    @cached_property
    def _database(self) -> Database:
        return self.open_database()

    # -- secrets ------------------------------------------------------------------------------------------------------

    @cached_property
    def cipher(self) -> Cipher:
        """Encrypts what is stored of people."""
        from shopr.security.crypto import Cipher

        return Cipher.open(self.settings, self._database, clock=self.clock)

    @cached_property
    def pepper(self) -> bytes:
        """A secret for digests of ids and addresses, so that whoever reads a store cannot tell whose they are."""
        from shopr.security.crypto_aead import derive

        return derive(self.cipher.keys.current("").secret, b"shopr digests of callers")

    @cached_property
    def subjects(self) -> SubjectStores:
        """The stores with personal data: exports open what is encrypted, and erasing a person destroys their keys."""
        from shopr.shop.encrypted import revealed
        from shopr.storage.subjects import SubjectStores

        stores = SubjectStores(
            self._database, clock=self.clock, reveal=lambda table, row: revealed(self.cipher, table, row)
        )
        stores.register(self.cipher.keys)
        for store in self.stores():
            stores.register(store, instead=True)
        return stores

    def reencrypt(self, people: Iterable[str] = ()) -> dict[str, Reencrypted]:
        """Give people new data keys, encrypt what is still in clear from before, and anew whatever is not under its
        person's current key; column -> what came of it. It may be stopped and called again at any time."""
        from shopr.commerce.personal import Personal, seal_stored
        from shopr.security.crypto_rotation import reencrypt
        from shopr.shop.encrypted import ENCRYPTED

        whom = list(people)
        for person in whom:
            self.cipher.keys.renew(person)
        seal_stored(self._database, Personal(lambda: self.cipher, lambda: self.pepper))
        done = {f"{c.table.name}.{c.column}": reencrypt(self._database, self.cipher, c) for c in ENCRYPTED}
        if not any(found.unreadable for found in done.values()):
            for person in whom:
                self.cipher.keys.drop_earlier(person)
        return done

    @cached_property
    def api_keys(self) -> ApiKeys:
        """Keys of programs."""
        from shopr.security.apikeys import ApiKeys

        return ApiKeys(self._database, clock=self.clock)

    @cached_property
    def audit(self) -> AuditLog:
        """Who did what, when and why."""
        from shopr.security.audit import AuditLog, anchor_file

        return AuditLog(self._database, anchor_file(self.settings), clock=self.clock)

    # -- who may come in, how often -----------------------------------------------------------------------------------

    @cached_property
    def state(self) -> State:
        """Counts and locks: in Redis where the settings name one, else in the database."""
        from shopr.security.state import SpareState, SqlState
        from shopr.security.state_redis import RedisState, connect

        if self.settings.redis_url:
            return SpareState(RedisState(connect(self.settings.redis_url)), clock=self.clock)
        return SpareState(SqlState(self._database, clock=self.clock), clock=self.clock)

    @cached_property
    def limits(self) -> Limits:
        """Rate limits."""
        from shopr.security.limits import LimitConfig, Limits, RedisWindows, StateWindows
        from shopr.security.state_redis import RedisState, connect

        url = self.settings.redis_url
        windows = RedisWindows(RedisState(connect(url))) if url else StateWindows(self.state)
        return Limits(windows, LimitConfig.of(self.settings), pepper=self.pepper)

    @cached_property
    def lockout(self) -> Lockout:
        """Locks after failures."""
        from shopr.security.lockout import Lockout

        return Lockout(self.state, pepper=self.pepper)

    @cached_property
    def access(self) -> AccessBook:
        """Networks that are let in or kept out."""
        from shopr.security.access_book import AccessBook

        return AccessBook(self._database, clock=self.clock)

    @cached_property
    def sessions(self) -> Sessions:
        """Sessions of visitors; a sign of theft is an event."""
        from shopr.security.principal import Principal
        from shopr.security.sessions import Sessions

        def sign(what: str, session: str, user: str) -> None:
            decision = "block" if what in ("replayed", "moved") else "flag"
            self.watch.record("session", Principal(user, session), decision=decision, rules=(what,), reason=what)

        return Sessions(self._database, clock=self.clock, pepper=self.pepper, on_sign=sign)

    # -- what they send -----------------------------------------------------------------------------------------------

    @cached_property
    def watch(self) -> Watch:
        """What the guard saw."""
        from shopr.security.watch import Watch

        return Watch(self._database, self.shop, clock=self.clock, tell=self.tell)

    @cached_property
    def failures(self) -> FailureCheck:
        """Counts failures and watches behaviour; for logins and catalogue pages, beside the guard."""
        from shopr.security.behaviour import Behaviour
        from shopr.security.checks import FailureCheck

        behaviour = Behaviour(self.state, pepper=self.pepper)
        return FailureCheck(self.lockout, behaviour, self.access, self.watch)

    @cached_property
    def guard(self) -> Guard:
        """The one door for texts."""
        from shopr.security.checks import AccessCheck, RateCheck
        from shopr.security.guard import Guard

        return Guard(None, RateCheck(self.limits, self.watch), self.failures, AccessCheck(self.access, self.watch))

    @cached_property
    def uploads(self) -> Uploads:
        """Takes pictures; with SHOPR_CLAMAV_URL each is scanned first."""
        from shopr.security.clamav import ClamAV
        from shopr.security.uploads import Uploads

        scanner = ClamAV(self.settings.clamav_url) if self.settings.clamav_url else None
        return Uploads(self.settings.home / "uploads", scanner=scanner)

    def doors(self, app: App, *, hosts: tuple[str, ...] = ("*",), styles: tuple[str, ...] = ()) -> App:
        """The app's server behind its doors and with its headers.

        Args:
            hosts: names that it answers to.
            styles: texts of the app's own style elements; others have no effect.
        """
        from shopr.security.doors import DoorConfig, Doors
        from shopr.security.headers import HeaderPolicy, SecurityHeaders
        from shopr.security.proxies import TrustedProxies

        def refused(what: str, who: Principal, words: str) -> None:
            self.watch.record(what, who, door="server", reason=words)
            if what == "csrf":
                self.failures.saw("request_suspect", who, what)

        secure = self.settings.posture.secure_cookies
        ours = [part.strip() for part in self.settings.trusted_proxies.split(",") if part.strip()]
        inner = Doors(
            app,
            DoorConfig(
                secure=secure, hosts=hosts, closed=_AGENT_API, token_exempt=(*_STREAMLIT_UPLOADS, *_OWN_TOKEN),
                open_=("/security/csp-report", "/_stcore/health", "/_stcore/script-health-check", "/static/", *_KEYED),
            ),
            proxies=TrustedProxies(ours),
            access=self.access,
            limits=self.limits,
            sessions=self.sessions,
            clock=self.clock,
            on_refusal=refused,
            on_act=self.failures.saw,
        )  # fmt: skip
        return SecurityHeaders(inner, HeaderPolicy.streamlit(self.settings.environment, styles=styles))

    # -- what operators do --------------------------------------------------------------------------------------------

    def block(self, network: str, *, reason: str, actor: str, seconds: float | None = None) -> KeptRule:
        """Keep a network out.

        Raises:
            InputError: if it is none, or no reason or actor is given.
        """
        rule = self.access.add(network, "deny", reason=reason, actor=actor, seconds=seconds)
        self.audit.record("network_blocked", actor=actor, object_=f"network {rule.network}", reason=reason,
                          details={"rule": rule.id, "seconds": seconds})  # fmt: skip
        return rule

    def unblock(self, rule_id: int, *, reason: str, actor: str) -> KeptRule:
        """End a rule of the access list.

        Raises:
            InputError: if no reason or actor is given.
            NotReadyError: if the rule does not hold (any more).
        """
        rule = self.access.end(rule_id, reason=reason, actor=actor)
        if rule is None:
            raise NotReadyError(f"rule {rule_id} does not hold any more", hint="Reload the list")
        for lock in self.watch.locks():
            if lock.kind == "block" and lock.who == rule.network:
                self.watch.ended(lock.id)
        self.audit.record("network_unblocked", actor=actor, object_=f"network {rule.network}", reason=reason,
                          details={"rule": rule_id})  # fmt: skip
        return rule

    def unlock(self, event_id: int, *, reason: str, actor: str) -> None:
        """Lift a lock before its time.

        Raises:
            UnknownNameError: if no such lock holds.
            InputError: if no actor is given.
        """
        held = {lock.id: lock for lock in self.watch.locks() if lock.key}
        if event_id not in held:
            raise UnknownNameError("lock", str(event_id), map(str, held))
        lock = held[event_id]
        self.audit.record("lock_lifted", actor=actor, object_=f"lock {event_id}", reason=reason)
        self.lockout.lift(lock.key)
        self.watch.ended(event_id)

    def end_session(self, session_id: str, *, reason: str, actor: str) -> bool:
        """End somebody's session; whether it still held."""
        ended = self.sessions.revoke(session_id, why=f"by {actor}: {reason}") > 0
        self.audit.record("session_ended", actor=actor, object_=f"session {session_id[:8]}", reason=reason)
        return ended
