"""The endpoint that takes events over HTTP, pure ASGI.

    POST /collect/own          pages of our own, in their session: nothing to be proved beyond it
    POST /collect/consent      what the person of that session allows
    POST /collect?key=pk_…     pages of other sites; the key is bound to their origins
    POST /collect              programs, with "Authorization: Bearer sk_…" and the scope "events"

Every event is answered for itself: accepted (written to the spool: it survives the end of the process), sampled out,
not allowed by its person, or rejected with the reason. A batch may be sent again: an event counts once by its id. What
an event says is data: an attack in a search query is stored as it was typed, and told to the guard's watch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from pydantic_core import to_json

from shopr.analytics.intake.privacy import cut_address
from shopr.data.events import Event, EventType
from shopr.errors import DataError, InputError, StorageError
from shopr.security.asgi import Message, Receive, Scope, Send, context_of, headers_of, privacy_signal
from shopr.security.principal import Principal
from shopr.serving.collect.batch import LONGEST_BODY, Sender, judged, read, read_consent
from shopr.serving.collect.calls import SENDER_LEFT

if TYPE_CHECKING:
    from shopr.shop import Shop

__all__ = ["CONSENT", "KEYED", "OWN", "Collect"]

KEYED, OWN, CONSENT = "/collect", "/collect/own", "/collect/consent"
SCOPE = "events"
log = logging.getLogger("shopr.collect")
_TEXTS = ("query", "message", "text", "reason", "title")
_WORDS = {"kept": "accepted", "sampled": "sampled", "unwanted": "not allowed"}
_READ = 200
"""Texts of one batch that the guard looks at."""


class RefusedError(Exception):
    """A request that is not taken: status, words, further headers."""

    def __init__(self, status: int, words: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(words)
        self.status, self.words, self.headers = status, words, tuple(headers)


class Collect:
    """Takes events for a shop.

    Args:
        shop: whose events these are.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to one of the three paths."""
        cors = self._cors(scope)
        try:
            if scope["method"] == "OPTIONS" and scope["path"] == KEYED:
                await asyncio.to_thread(self._sender, scope)
                await _answer(send, 204, None, [*cors, ("access-control-max-age", "600")])
                return
            if scope["method"] != "POST":
                raise RefusedError(405, "POST events here", [("allow", "POST, OPTIONS")])
            body = await _body(scope, receive)
            work = self._consent if scope["path"] == CONSENT else self._collect
            told = await asyncio.to_thread(work, scope, body)
            await _answer(send, 200, told, cors)
        except RefusedError as error:
            await _answer(send, error.status, {"error": error.words}, [*cors, *error.headers])
        except StorageError as error:
            log.error("events were not taken: %s", error.one_line())
            await _answer(send, 503, {"error": "Not stored; send the batch again"}, [*cors, ("retry-after", "5")])
        except InputError as error:
            await _answer(send, 400, {"error": error.one_line()}, cors)

    # -- work in a thread ---------------------------------------------------------------------------------------------

    def _collect(self, scope: Scope, body: bytes) -> dict[str, Any]:
        shop = self._shop
        sender, who = self._sender(scope)
        self._limited(who)
        received = shop.clock.now()
        batch = read(body, received)
        self._privacy(scope, sender, batch.consent, batch.events)
        results: list[dict[str, str]] = []
        events: list[Event] = []
        places: list[int] = []
        for place, data in enumerate(batch.events):
            given = data.get("event_id") if isinstance(data, dict) else None
            results.append({"event_id": given if isinstance(given, str) else "", "status": "rejected"})
            try:
                event = judged(data, sender, batch.skew, received, shop.book)
                if sender.trusted and event.type is EventType.CONSENT_CHANGED:
                    self._said(event)
            except InputError as error:
                results[place]["reason"] = error.one_line()
            else:
                results[place]["event_id"] = given if isinstance(given, str) else event.event_id
                events.append(event)
                places.append(place)
        for place, word in zip(places, shop.record_each(events), strict=True):
            results[place] |= {"status": _WORDS[word]} if word in _WORDS else {"reason": word}
        self._watched(events, sender, who)
        shop.watch_acts(events, None if sender.trusted else _address(scope))
        accepted = sum(result["status"] == "accepted" for result in results)
        return {"received_at": received.isoformat(), "accepted": accepted, "results": results}

    def _consent(self, scope: Scope, body: bytes) -> dict[str, Any]:
        sender, who = self._sender(scope)
        self._limited(who)
        purposes, notice = read_consent(body)
        person = sender.user_id or sender.session_id
        choice = self._shop.allow(person, purposes, notice=notice, origin="banner", gpc=privacy_signal(scope))
        return {"purposes": list(choice.words())}

    def _sender(self, scope: Scope) -> tuple[Sender, Principal]:
        """Who sends.

        Raises:
            RefusedError: if it cannot be told, or may not.
        """
        headers, context = headers_of(scope), context_of(scope)
        address = _address(scope)
        if scope["path"] != KEYED:
            session = context.get("session")
            if session is None:
                raise RefusedError(403, "No session; open a page first")
            who = Principal.of(user=session.user, session=session.id)
            prefix = f"b{session.id[:12]}:"
            return Sender("own", session.id, session.user, prefix, cut_address(address), _device(headers)), who
        text, origin = _key(scope, headers), headers.get("origin")
        key = self._shop.security.api_keys.authenticate(text, origin=origin) if text else None
        if key is None:
            raise RefusedError(401, "The key is wrong, over, or not for this origin")
        if key.kind == "publishable":  # many browsers share it: each network counts for itself
            sender = Sender("site", "", "", f"{key.id}:", cut_address(address), _device(headers))
            return sender, Principal.of(address=address or None)
        if SCOPE not in key.scopes:
            raise RefusedError(403, f"The key has no scope {SCOPE!r}")
        return Sender("server"), Principal.of(api_key=key.id)

    def _limited(self, who: Principal) -> None:
        allowance = self._shop.security.limits.hit("events", who)
        if not allowance.allowed:
            raise RefusedError(429, "Too many batches, try again later", allowance.headers().items())

    def _privacy(
        self, scope: Scope, sender: Sender, consent: tuple[tuple[str, ...], str] | None, events: list[Any]
    ) -> None:
        """Write down what a browser says of consent before any of its events is looked at."""
        if sender.trusted:
            return
        named = {e["session_id"] for e in events if isinstance(e, dict) and isinstance(e.get("session_id"), str)}
        persons = {sender.session_id} if sender.session_id else {f"{sender.prefix}{name}"[:256] for name in named}
        for person in sorted(persons)[:3]:  # a browser has one, or a new one
            if consent is not None and sender.kind == "site":
                purposes, notice = consent
                known, wanted = self._shop.consent.of(person), {*purposes, "necessary"}
                if known.notice != notice or known.purposes != wanted - (
                    {"marketing"} if privacy_signal(scope) else set()
                ):
                    self._shop.allow(person, purposes, notice=notice, origin="site", gpc=privacy_signal(scope))
            if privacy_signal(scope):
                self._shop.under_gpc(person)

    def _said(self, event: Event) -> None:
        """A server tells what a person chose."""
        said, person = event.properties, event.user_id or event.session_id
        purposes, notice = said.get("purposes"), said.get("notice")
        if not person or not isinstance(purposes, list) or not notice:
            raise DataError("consent_changed names no person, purposes or notice", hint="Send all three")
        self._shop.consent.set(person, map(str, purposes), notice=notice, origin=str(said.get("origin") or "server"))

    def _watched(self, events: list[Event], sender: Sender, who: Principal) -> None:
        """What texts look like attacks is told to the watch; the events stay as they are."""
        if sender.trusted:
            return
        security, left = self._shop.security, _READ
        for event in events:
            for name in _TEXTS:
                text = event.properties.get(name)
                if not isinstance(text, str) or left <= 0:
                    continue
                left -= 1
                found = security.guard.detector.detect(text[:4096])
                if found.decision != "allow":
                    security.watch.note(
                        "verdict", who, door="collect", decision="flag", score=found.score, rules=found.rules,
                        classes=(found.threat,) if found.threat else (), reason=f"{event.type.value}: {name}",
                    )  # fmt: skip

    @staticmethod
    def _cors(scope: Scope) -> list[tuple[str, str]]:
        """Lets a page of another site read the answer; whether it gets one is for its key to say. No cookies."""
        origin = headers_of(scope).get("origin", "")
        if scope["path"] != KEYED or not origin:
            return []
        fields = {"origin": origin, "methods": "POST", "headers": "content-type"}
        return [("vary", "origin"), *((f"access-control-allow-{name}", value) for name, value in fields.items())]


def _address(scope: Scope) -> str:
    """Where a request comes from, as the doors found it."""
    found = headers_of(scope).get("x-shopr-address") or context_of(scope).get("address")
    return str(found or (scope.get("client") or ("",))[0])


def _key(scope: Scope, headers: Mapping[str, str]) -> str:
    """From the address for browsers, which cannot add headers to a beacon, or from the header for programs."""
    bearer = headers.get("authorization", "")
    if bearer[:7].lower() == "bearer ":
        return bearer[7:].strip()
    query = parse_qs(scope.get("query_string", b"")[:1000].decode("latin-1"))
    found = query.get("key", [""])[0]
    return found if found.startswith("pk_") else ""  # a secret in an address ends in somebody's log


def _device(headers: Mapping[str, str]) -> str:
    mobile = headers.get("sec-ch-ua-mobile", "")
    if mobile in ("?0", "?1"):
        return "mobile" if mobile == "?1" else "desktop"
    agent = headers.get("user-agent", "")
    return "mobile" if "Mobi" in agent else "desktop" if agent else ""


async def _body(scope: Scope, receive: Receive) -> bytes:
    headers = headers_of(scope)
    if headers.get("content-encoding", "identity") != "identity":
        raise RefusedError(415, "Send the batch uncompressed")
    if not headers.get("content-length", "0").isdigit() or int(headers.get("content-length", "0")) > LONGEST_BODY:
        raise RefusedError(413, f"A batch has at most {LONGEST_BODY:,} bytes")
    body = bytearray()
    while True:
        message: Message = await receive()
        if message["type"] != "http.request":
            raise RefusedError(SENDER_LEFT, "The request broke off")
        body += message.get("body", b"")
        if len(body) > LONGEST_BODY:
            raise RefusedError(413, f"A batch has at most {LONGEST_BODY:,} bytes")
        if not message.get("more_body"):
            return bytes(body)


async def _answer(send: Send, status: int, told: Any, headers: Iterable[tuple[str, str]]) -> None:
    body = b"" if told is None else to_json(told)
    lines = [("content-type", "application/json"), ("content-length", str(len(body))), ("cache-control", "no-store")]
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in [*lines, *headers]]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
