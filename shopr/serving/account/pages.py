"""Signing in and out, one's own sessions and password, and the answer to the banner: pure ASGI behind the doors.

    GET, POST  /account/sign-in, /account/register
    GET        /account/                 who is signed in, on which devices, another password
    POST       /account/password, /account/end, /account/everywhere, /account/sign-out
    GET, POST  /account/consent          what may be kept; the banner posts here as well

Each POST brings the token of its page, and is answered by a redirect once it is done, so that a reload repeats nothing.
The banner stands in front of every page, the app's own ones included, until its visitor has chosen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from shopr.errors import InputError, ShoprError
from shopr.security.asgi import (
    App,
    Receive,
    Scope,
    Send,
    context_of,
    html_wanted,
    privacy_signal,
    refuse,
)
from shopr.security.doors import give
from shopr.serving.account import views
from shopr.serving.account.forms import Form, conversation_in, form_token, from_our_page, inside, read_form
from shopr.serving.account.markup import STYLE, banner, message
from shopr.serving.account.wire import (
    HOME,
    REGISTER,
    SIGN_IN,
    Answer,
    Visitor,
    asked,
    in_front,
    send_answer,
    send_style,
    sent_from,
    visitor_of,
    whole_address,
)
from shopr.shop.privacy import OPTIONAL

if TYPE_CHECKING:
    from shopr.security.signin import Attempt
    from shopr.shop import Shop

__all__ = ["AccountPages"]

CONSENT = "/account/consent"
_STATUS = {"accepted": 303, "refused": 401, "locked": 429, "too often": 429, "closed": 403}
_OLD = "The page had lain open for too long. Nothing was done; please try again."
_NO_COOKIE = "Your browser sent no cookie. Allow cookies of this site, then open the page again."
log = logging.getLogger("shopr.account")


class AccountPages:
    """Answers what is about accounts, and hands everything else on to `app`, the banner in front of its pages.

    Args:
        shop: whose accounts these are.
    """

    def __init__(self, app: App, shop: Shop) -> None:
        self._app, self._shop = app, shop
        self._posts: dict[str, Callable[[Visitor, Form], Answer]] = {
            SIGN_IN: self._enter, REGISTER: self._register, CONSENT: self._choose, "/account/sign-out": self._leave,
            "/account/everywhere": self._everywhere, "/account/end": self._end, "/account/password": self._password,
        }  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/account" or scope["path"].startswith(HOME):
            await self._own(scope, receive, send)
        elif html_wanted(scope):
            asking = await asyncio.to_thread(self._banner, scope)
            await self._app(scope, receive, in_front(send, asking) if asking else send)
        else:
            await self._app(scope, receive, send)

    async def _own(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path == STYLE and method in ("GET", "HEAD"):
            await send_style(send)
            return
        known = method in ("GET", "HEAD") and path in (HOME, "/account", SIGN_IN, REGISTER, CONSENT)
        if not known and not (method == "POST" and path in self._posts):
            await refuse(scope, send, 405 if path in self._posts else 404, "Not found")
            return
        visitor = visitor_of(scope)
        if visitor is None:
            await send_answer(send, Answer(400, views.trouble(_NO_COOKIE)))
            return
        try:
            if method == "POST":
                form = await read_form(scope, receive)
                answer = await asyncio.to_thread(self._posted, scope, visitor, form)
            else:
                answer = await asyncio.to_thread(self._got, scope, visitor)
        except InputError as error:
            answer = Answer(400, views.trouble(error.one_line()))
        except ShoprError as error:  # storage is away: nobody is let in
            log.error("an account page failed: %s", error.one_line())
            answer = Answer(503, views.trouble("That did not work. Please try again in a moment."), wait=5)
        if answer.token is not None:
            give(scope, answer.token)
        await send_answer(send, answer, head=method == "HEAD")

    # -- pages --------------------------------------------------------------------------------------------------------

    def _got(self, scope: Scope, visitor: Visitor) -> Answer:
        path, onward = scope["path"], inside(asked(scope, "next") or "/")
        if path in (SIGN_IN, REGISTER):
            return Answer(303, to=HOME) if visitor.session.user else self._gate(visitor, path, onward)
        if path == CONSENT:
            return Answer(200, views.consent(self._frame(visitor, ask=False), self._choice(visitor), visitor.signal))
        if not visitor.session.user:
            return Answer(303, to=SIGN_IN)
        return self._account(visitor, done=asked(scope, "done"))

    def _gate(
        self, visitor: Visitor, path: str, onward: str, *, status: int = 200, name: str = "", words: str = "",
        wait: float = 0.0,
    ) -> Answer:  # fmt: skip
        make = views.register if path == REGISTER else views.sign_in
        return Answer(status, make(self._frame(visitor), onward, name, words), wait=wait)

    def _account(
        self, visitor: Visitor, *, status: int = 200, words: str = "", done: str = "", wait: float = 0.0
    ) -> Answer:
        account = self._shop.accounts.of(visitor.session.user)
        sessions = self._shop.security.sessions.of_user(visitor.session.user)
        where = views.Where(sessions, visitor.session.id, self._shop.settings.time_zone)
        said = message(words) or views.done(done)
        return Answer(status, views.account(self._frame(visitor), account, where, said), wait=wait)

    def _frame(self, visitor: Visitor, *, ask: bool = True) -> views.Frame:
        """The token of a page's forms, and the banner in front where its visitor is to be asked."""
        hidden = {"csrf": form_token(visitor.session, self._shop.security.pepper)}
        if not ask or not self._shop.must_ask(visitor.session.user, visitor.session.id):
            return views.Frame(hidden)
        return views.Frame(hidden, banner({**hidden, "next": ""}, signal=visitor.signal).decode())

    def _choice(self, visitor: Visitor) -> tuple[str, ...]:
        """What was chosen; nothing where nobody chose, whatever counts as allowed meanwhile."""
        if visitor.signal:
            self._shop.under_gpc(visitor.session.id)
        choice = self._shop.choice_of(visitor.session.user, visitor.session.id)
        return choice.words() if choice.time else ()

    def _banner(self, scope: Scope) -> bytes:
        """What stands in front of a page of the app; "" where its visitor was asked, or it cannot be told."""
        session = context_of(scope).get("session")
        if session is None:
            return b""
        try:
            if not self._shop.must_ask(session.user, session.id):
                return b""
            hidden = {"csrf": form_token(session, self._shop.security.pepper), "next": inside(whole_address(scope))}
        except ShoprError:  # the page matters more; nothing optional is kept meanwhile
            return b""
        return banner(hidden, signal=privacy_signal(scope))

    # -- what forms do ------------------------------------------------------------------------------------------------

    def _posted(self, scope: Scope, visitor: Visitor, form: Form) -> Answer:
        if not from_our_page(visitor.session, self._shop.security.pepper, form):
            path = scope["path"]
            if path in (SIGN_IN, REGISTER):
                return self._gate(visitor, path, inside(form["next"]), status=403, name=form["name"], words=_OLD)
            if visitor.session.user and path != CONSENT:
                return self._account(visitor, status=403, words=_OLD)
            return Answer(403, views.trouble(_OLD))
        if scope["path"] == CONSENT:
            form = Form({**form.values, "next": sent_from(scope) or form["next"]})
        return self._posts[scope["path"]](visitor, form)

    def _enter(self, visitor: Visitor, form: Form) -> Answer:
        return self._begin(visitor, form, SIGN_IN, self._shop.enter)

    def _register(self, visitor: Visitor, form: Form) -> Answer:
        if form["password"] != form["again"]:
            return self._gate(visitor, REGISTER, inside(form["next"]), status=400, name=form["name"],
                              words="The two passwords differ.")  # fmt: skip
        return self._begin(visitor, form, REGISTER, self._shop.register)

    def _begin(self, visitor: Visitor, form: Form, path: str, how: Callable[..., tuple[Attempt, str]]) -> Answer:
        onward = inside(form["next"])
        try:
            attempt, token = how(
                form["name"], form["password"], token=visitor.token, address=visitor.address, agent=visitor.agent,
                session=visitor.session.id, conversation=conversation_in(onward),
            )  # fmt: skip
        except InputError as error:
            return self._gate(visitor, path, onward, status=400, name=form["name"], words=views.sentence(error))
        if attempt.account is None:
            return self._gate(visitor, path, onward, status=_STATUS[attempt.outcome], name=form["name"],
                              words=attempt.words, wait=attempt.wait)  # fmt: skip
        return Answer(303, to=onward, token=token)

    def _leave(self, visitor: Visitor, form: Form) -> Answer:
        self._shop.leave(visitor.token)
        return Answer(303, to="/", token="")

    def _everywhere(self, visitor: Visitor, form: Form) -> Answer:
        if visitor.session.user:
            self._shop.leave_everywhere(visitor.session.user)
        return Answer(303, to="/", token="")

    def _end(self, visitor: Visitor, form: Form) -> Answer:
        if visitor.session.user:
            self._shop.end_own(visitor.session.user, form["session"])
        return Answer(303, to=f"{HOME}?done=ended")

    def _password(self, visitor: Visitor, form: Form) -> Answer:
        if not visitor.session.user:
            return Answer(303, to=SIGN_IN)
        if form["password"] != form["again"]:
            return self._account(visitor, status=400, words="The two new passwords differ.")
        try:
            attempt, token = self._shop.change_password(
                visitor.session, form["old"], form["password"], token=visitor.token, address=visitor.address,
                agent=visitor.agent,
            )  # fmt: skip
        except InputError as error:
            return self._account(visitor, status=400, words=views.sentence(error))
        if attempt.account is None:
            return self._account(visitor, status=_STATUS[attempt.outcome], words=attempt.words, wait=attempt.wait)
        return Answer(303, to=f"{HOME}?done=password", token=token)

    def _choose(self, visitor: Visitor, form: Form) -> Answer:
        wanted = {"all": tuple(OPTIONAL), "none": (), "some": tuple(name for name in OPTIONAL if name in form)}
        if form["choice"] not in wanted:
            raise InputError("the form names no choice", hint="Press one of its buttons")
        origin = "account page" if form["origin"] == "account page" else "banner"
        self._shop.choose(
            visitor.session.user, visitor.session.id, wanted[form["choice"]], origin=origin, gpc=visitor.signal
        )
        back = inside(form["next"], also=(HOME, SIGN_IN, REGISTER))
        return Answer(303, to=CONSENT if origin == "account page" else back)
