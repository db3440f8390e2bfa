"""Signing in over HTTP, behind the real doors: cookies, rotation, tokens of forms, lockout, consent, own sessions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.clock import ManualClock
from shopr.commerce.sql import visitor
from shopr.config import Environment, Settings
from shopr.errors import StorageError
from shopr.security.asgi import Receive, Scope, Send
from shopr.security.crypto_keyfile import FileKeyring, keyring_file
from shopr.security.passwords import Passwords
from shopr.security.session_records import browser_name
from shopr.serving.account.forms import conversation_in, inside
from shopr.serving.account.pages import AccountPages
from shopr.serving.collect.pages import Collecting
from shopr.shop import Shop
from shopr.shop.privacy import NOTICE
from tests.app.sample import sample_dataset
from tests.serving.visiting import Browser, Page

GOOD, OTHER = "seven green lamps", "nine loud rivers"
PAGE = b"<!doctype html><html><head><title>x</title></head><body class='b'><div id=root></div></body></html>"


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """The app behind: one page."""
    length = str(len(PAGE)).encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})


def opened(settings: Settings, clock: ManualClock, **changes: object) -> Shop:
    shop = Shop.open(settings.model_copy(update=changes), clock=clock)
    shop.accounts._passwords = Passwords(time_cost=1, memory_kib=64, lanes=1)
    return shop


def browsers(shop: Shop) -> Browser:
    return Browser(shop.security.doors(AccountPages(Collecting(behind, shop), shop)))


@pytest.fixture
def shop(settings: Settings, clock: ManualClock) -> Iterator[Shop]:
    shop = opened(settings, clock, ask_consent=True)
    yield shop
    if "collector" in shop.__dict__:
        shop.collector.close()


@pytest.fixture
def browser(shop: Shop) -> Browser:
    return browsers(shop)


def another(browser: Browser, **changes: object) -> Browser:
    return Browser(browser.app, **{"address": browser.address, **changes})  # type: ignore[arg-type]


def entered(browser: Browser, name: str = "ann", password: str = GOOD, **fields: str) -> Page:
    return browser.send("/account/sign-in", name=name, password=password, **fields)


# -- signing in -------------------------------------------------------------------------------------------------------


def test_a_person_registers_signs_out_and_signs_in(browser: Browser, shop: Shop) -> None:
    page = browser.send("/account/register", name="Ann", password=GOOD, again=GOOD, next="/chat?c=1")
    assert (page.status, page.header("location")) == (303, "/chat?c=1")
    assert "Signed in as <b>ann</b>" in browser.get("/account/").body
    assert browser.get("/account/sign-in").header("location") == "/account/"
    out = browser.send("/account/sign-out", page="/account/")
    assert (out.status, out.header("location"), browser.cookie) == (303, "/", "")
    assert browser.get("/account/").header("location") == "/account/sign-in"
    assert entered(browser).status == 303
    assert "Firefox on Linux" in browser.get("/account/").body


def test_the_cookie_turns_at_the_log_in_and_is_http_only(browser: Browser, shop: Shop) -> None:
    shop.accounts.create("ann", GOOD)
    browser.get("/")
    before = browser.cookie
    assert entered(browser).status == 303
    assert browser.cookie != before
    assert re.fullmatch(r"shopr=[\w-]{22}; Path=/; HttpOnly; SameSite=Lax", browser.set_cookies[-1])
    thief = another(browser, cookie=before)
    assert "Signed in as" not in thief.get("/account/").body  # who knew the cookie from before knows nothing now
    assert thief.get("/account/").status == 303


def test_over_https_the_cookie_is_bound_to_the_host(settings: Settings, clock: ManualClock) -> None:
    FileKeyring(keyring_file(settings))  # elsewhere than in development none is made by itself
    shop = opened(settings, clock, environment=Environment.STAGING)
    strict = browsers(shop)
    strict.secure = True
    strict.get("/")
    line = strict.set_cookies[-1]
    assert re.fullmatch(r"__Host-shopr=[\w-]{22}; Path=/; HttpOnly; SameSite=Lax; Secure", line)
    assert "Domain" not in line
    shop.accounts.create("ann", GOOD)
    assert entered(strict).status == 303
    assert re.fullmatch(r"__Host-shopr=[\w-]{22}; Path=/; HttpOnly; SameSite=Lax; Secure", strict.set_cookies[-1])
    strict.send("/account/sign-out", page="/account/")
    assert strict.set_cookies[-1] == "__Host-shopr=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"


def test_a_token_that_is_due_in_the_very_request_does_not_undo_the_log_in(
    browser: Browser, shop: Shop, clock: ManualClock
) -> None:
    shop.accounts.create("ann", GOOD)
    token = browser.get("/account/sign-in").token
    clock.advance(1000)  # past the age at which a token is replaced; the page's own token still holds
    page = browser.post("/account/sign-in", {"csrf": token, "name": "ann", "password": GOOD})
    assert (page.status, len([n for n, _ in page.headers if n == "set-cookie"])) == (303, 1)
    assert "Signed in as <b>ann</b>" in browser.get("/account/").body


def test_unknown_names_and_wrong_passwords_read_the_same(browser: Browser, shop: Shop) -> None:
    shop.accounts.create("ann", GOOD)
    answers = [entered(browser, name, OTHER) for name in ("ann", "nobody")]
    bodies = [re.sub(r'(csrf" value=)"[^"]+"', r"\1", page.body).replace("nobody", "ann") for page in answers]
    assert [page.status for page in answers] == [401, 401]
    assert bodies[0] == bodies[1]
    assert answers[0].alert == "The name or the password is not right."
    assert OTHER not in answers[0].body


def test_five_wrong_passwords_lock_with_the_time_to_wait_and_nobody_else(
    browser: Browser, shop: Shop, clock: ManualClock
) -> None:
    shop.accounts.create("ann", GOOD)
    pages = [entered(browser, password=OTHER) for _ in range(5)]
    assert [page.status for page in pages] == [401] * 4 + [429]
    assert "Please try again in 5 minutes" in pages[-1].alert
    assert pages[-1].header("retry-after") == "300"
    assert entered(browser).status == 429  # the right one is no help now
    assert entered(another(browser, address="198.51.100.66")).status == 303  # from her own network she gets in
    clock.advance(301)
    assert entered(browser).status == 303


def test_a_network_that_tries_many_names_is_kept_out(browser: Browser, shop: Shop) -> None:
    for number in range(10):
        fresh = another(browser, address="198.51.100.66")
        fresh.get("/account/sign-in")
        entered(fresh, f"shopper{number}", OTHER)
    assert another(browser, address="198.51.100.66").get("/account/sign-in").status == 403
    assert browser.get("/account/sign-in").status == 200


def test_too_many_tries_in_a_minute_are_asked_to_wait(browser: Browser, shop: Shop) -> None:
    pages = [entered(browser, f"name{number % 3}", OTHER) for number in range(11)]
    assert pages[-1].status == 429
    assert "a little fast" in pages[-1].alert


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "a b", "password": GOOD, "again": GOOD}, "A name of 3 characters"),
        ({"name": "ann", "password": "short", "again": "short"}, "Password of 5 characters"),
        ({"name": "ann", "password": "password1234", "again": "password1234"}, "guessed first"),
        ({"name": "ann", "password": GOOD, "again": OTHER}, "The two passwords differ"),
        ({}, "A name of 0 characters"),
    ],
)
def test_what_can_be_no_account_is_said_and_what_was_typed_stays(
    browser: Browser, fields: dict[str, str], words: str
) -> None:
    page = browser.send("/account/register", **fields)
    assert page.status == 400
    assert words in page.alert
    assert f'value="{fields.get("name", "")}"' in page.body or not fields
    assert GOOD not in page.body


def test_a_name_that_is_taken_is_told_and_gives_nothing_away_but_that(browser: Browser, shop: Shop) -> None:
    shop.accounts.create("ann", GOOD)
    page = browser.send("/account/register", name="ANN", password=OTHER, again=OTHER)
    assert (page.status, "has an account already" in page.alert) == (400, True)


# -- who sends a form -------------------------------------------------------------------------------------------------


def test_a_form_of_another_site_or_session_does_nothing(browser: Browser, shop: Shop) -> None:
    shop.accounts.create("ann", GOOD)
    token = browser.get("/account/sign-in").token
    fields = {"csrf": token, "name": "ann", "password": GOOD}
    assert browser.post("/account/sign-in", fields, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    other = another(browser)
    other.get("/")
    page = other.post("/account/sign-in", fields)
    assert (page.status, "lain open" in page.alert) == (403, True)
    for wrong in ("", "x", token[:-3], "é" * 20):
        assert browser.post("/account/sign-in", {**fields, "csrf": wrong}).status == 403
    assert browser.post("/account/sign-in", fields).status == 303


def test_without_a_cookie_there_is_no_log_in(browser: Browser) -> None:
    page = another(browser).post("/account/sign-in", {"name": "ann", "password": GOOD, "csrf": "x"})
    assert (page.status, "sent no cookie" in page.alert) == (400, True)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"x" * 20_000, "application/x-www-form-urlencoded", "over 16,384 bytes"),
        (b"&".join(b"a=1" for _ in range(50)), "application/x-www-form-urlencoded", "over 30 fields"),
        (b"{}", "application/json", "brings no form"),
    ],
)
def test_what_is_no_form_is_refused(browser: Browser, body: bytes, kind: str, words: str) -> None:
    browser.get("/")
    given = {"Content-Type": kind, "Sec-Fetch-Site": "same-origin"}
    page = browser.ask("POST", "/account/sign-in", body, **given)
    assert (page.status, words in page.alert) == (400, True)


@pytest.mark.parametrize(
    "typed", ["<script>alert(1)</script>", "\x00\xff", '"><img src=x onerror=1>', "💥" * 300, "a" * 9000]
)
def test_whatever_is_typed_stays_text(browser: Browser, typed: str) -> None:
    for path in ("/account/sign-in", "/account/register"):
        page = browser.send(path, name=typed, password=typed, again=typed, next=typed)
        assert page.status in (400, 401)
        assert "<script>" not in page.body
        assert "<img" not in page.body


@given(
    st.text(max_size=60) | st.sampled_from(["//x.example", "/\\x", "https://x", "/account/", "javascript:1", "/a b"])
)
def test_one_goes_on_within_the_shop_alone(address: str) -> None:
    found = inside(address)
    assert found.startswith("/")
    assert not found.startswith(("//", "/account/", "/\\"))
    assert found in ("/", address)
    assert conversation_in(found) == "" or len(conversation_in(found)) == 32


def test_the_address_to_go_on_to_survives_a_wrong_password(browser: Browser, shop: Shop) -> None:
    shop.accounts.create("ann", GOOD)
    page = browser.send("/account/sign-in", name="ann", password=OTHER, next="/chat?c=7&d=<x>")
    assert 'name="next" value="/chat?c=7&amp;d=&lt;x&gt;"' in page.body
    assert f"next={quote('/chat?c=7&d=<x>', safe='')}" in page.body


def test_paths_and_methods_that_do_not_exist(browser: Browser) -> None:
    browser.get("/")
    assert browser.get("/account/nothing").status == 404
    assert browser.get("/account/sign-out").status == 405
    assert browser.ask("PUT", "/account/sign-in", **{"Sec-Fetch-Site": "same-origin"}).status == 405
    assert browser.ask("HEAD", "/account/sign-in", **{"Sec-Fetch-Site": "same-origin"}).body == ""
    sheet = browser.get("/account/style.css")
    assert (sheet.status, sheet.header("content-type")) == (200, "text/css; charset=utf-8")


def test_pages_are_not_cached_and_say_their_policy(browser: Browser) -> None:
    page = browser.get("/account/sign-in")
    assert page.header("cache-control") == "no-store"
    assert "form-action 'self'" in page.header("content-security-policy")
    assert "frame-ancestors 'none'" in page.header("content-security-policy")
    assert "style=" not in page.body
    assert "<script" not in page.body


def test_where_storage_fails_nobody_is_let_in(browser: Browser, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    token = browser.get("/account/sign-in").token

    def broken(*args: object, **kwargs: object) -> None:
        raise StorageError("the store is locked", hint="secret hint")

    monkeypatch.setattr(shop.accounts, "named", broken)
    page = browser.post("/account/sign-in", {"csrf": token, "name": "ann", "password": GOOD})
    assert (page.status, page.header("retry-after")) == (503, "5")
    assert "secret" not in page.body


# -- one's own sessions -----------------------------------------------------------------------------------------------


def test_sign_out_everywhere_and_one_of_several(browser: Browser, shop: Shop) -> None:
    shop.accounts.create("ann", GOOD)
    phone = another(browser, agent="Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) AppleWebKit Version/19 Safari/604")
    tablet = another(browser, agent="")
    for one in (browser, phone, tablet):
        assert entered(one).status == 303
    page = browser.get("/account/")
    assert page.body.count('class="meta">since') == 3
    assert "Safari on iPhone" in page.body
    other = next(i for i in re.findall(r'name="session" value="(\w+)"', page.body))
    assert browser.post("/account/end", {"csrf": page.token, "session": other}).status == 303
    assert browser.get("/account/?done=ended").body.count('class="meta">since') == 2
    assert browser.post("/account/everywhere", {"csrf": page.token}).status == 303
    for one in (browser, phone, tablet):
        assert one.get("/account/").header("location") == "/account/sign-in"
    assert shop.security.sessions.of_user(shop.accounts.listed()[0].user_id) == []


def test_another_password_turns_the_cookie_and_ends_the_others(browser: Browser, shop: Shop) -> None:
    shop.accounts.create("ann", GOOD)
    phone = another(browser)
    entered(browser)
    entered(phone)
    before = browser.cookie
    wrong = browser.send("/account/password", page="/account/", old=OTHER, password=OTHER, again=OTHER)
    assert wrong.status == 401
    differ = browser.send("/account/password", page="/account/", old=GOOD, password=OTHER, again=GOOD)
    assert (differ.status, differ.alert) == (400, "The two new passwords differ.")
    page = browser.send("/account/password", page="/account/", old=GOOD, password=OTHER, again=OTHER)
    assert page.header("location") == "/account/?done=password"
    assert browser.cookie != before
    assert "You have another password" in browser.get("/account/?done=password").body
    assert phone.get("/account/").status == 303
    assert entered(phone, password=GOOD).status == 401
    assert entered(phone, password=OTHER).status == 303


def test_acts_on_an_account_need_one(browser: Browser) -> None:
    token = browser.get("/account/sign-in").token
    for path in ("/account/password", "/account/end", "/account/everywhere", "/account/sign-out"):
        assert browser.post(path, {"csrf": token}).status == 303
        token = browser.get("/account/sign-in").token


def test_the_visitors_cart_and_choice_come_along(settings: Settings, clock: ManualClock) -> None:
    sample_dataset(shoppers=5, lines=60).save(settings.shop_folder())
    shop = opened(settings, clock, ask_consent=True)
    made, browser = shop.accounts.create("ann", GOOD), browsers(shop)
    browser.send("/account/consent", page="/chat", choice="some", personalisation="yes")
    shop.commerce.carts.add(visitor("c" * 32), "p005", 2)
    clock.advance(1)
    assert entered(browser, next=f"/chat?c={'c' * 32}").header("location") == f"/chat?c={'c' * 32}"
    assert shop.commerce.carts.of(made.user_id).pieces == 2
    assert shop.consent.of(made.user_id).words() == ("necessary", "personalisation")
    shop.collector.close()


# -- being asked ------------------------------------------------------------------------------------------------------


def test_the_banner_stands_in_front_until_there_is_a_choice(browser: Browser, shop: Shop) -> None:
    page = browser.get("/chat?c=1")
    assert page.asks
    assert page.body.index('id="consent"') < page.body.index("id=root")  # first for the keyboard
    refuse, accept = (
        re.search(rf'<button class="equal" name="choice" value="{value}">', page.body) for value in ("none", "all")
    )
    assert refuse is not None  # the same element, the same class: the same prominence
    assert accept is not None
    assert "checked" not in page.body  # nothing is ticked beforehand
    assert 'data-allowed="necessary"' in page.body
    answer = browser.post("/account/consent", {"csrf": page.token, "choice": "none", "next": "/chat?c=1"})
    assert (answer.status, answer.header("location")) == (303, "/chat?c=1")
    after = browser.get("/chat?c=1")
    assert not after.asks
    assert 'data-allowed="necessary"' in after.body
    (session,) = shop.security.sessions.active()
    assert [(r["notice"], r["origin"]) for r in shop.consent.history(session.id)] == [(NOTICE, "banner")]


def test_nothing_is_ticked_for_who_was_not_asked_and_what_was_chosen_is(settings: Settings, clock: ManualClock) -> None:
    shop = opened(settings, clock, ask_consent=False)  # as in development, where all counts as allowed
    browser = browsers(shop)
    assert "checked" not in browser.get("/account/consent").body
    browser.send("/account/consent", choice="some", analytics="yes", origin="account page")
    assert browser.get("/account/consent").body.count("checked") == 1
    shop.collector.close()


def test_of_who_refused_nothing_is_stored_even_if_it_is_sent(browser: Browser, shop: Shop) -> None:
    def sent() -> str:
        event = {"type": "product_clicked", "time": shop.clock.now().isoformat(), "properties": {"product_id": "p1"}}
        body = json.dumps({"events": [event]}).encode()
        answer = browser.ask("POST", "/collect/own", body, **{"Sec-Fetch-Site": "same-origin"})
        return str(json.loads(answer.body)["results"][0]["status"])

    browser.get("/")
    assert sent() == "not allowed"  # before any choice
    browser.send("/account/consent", page="/", choice="none")
    assert sent() == "not allowed"
    assert shop.collector.flush()
    assert set(shop.events.frame()["type"]) <= {"consent_changed"}
    browser.send("/account/consent", page="/account/consent", choice="some", analytics="yes")
    assert sent() == "accepted"


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({"choice": "all"}, "necessary analytics personalisation marketing"),
        ({"choice": "some", "analytics": "yes"}, "necessary analytics"),
        ({"choice": "some"}, "necessary"),
    ],
)
def test_a_choice_holds_from_the_next_page_on(browser: Browser, fields: dict[str, str], allowed: str) -> None:
    browser.send("/account/consent", page="/", **fields)
    assert f'data-allowed="{allowed}"' in browser.get("/").body


def test_privacy_control_is_followed_and_said(browser: Browser, shop: Shop) -> None:
    browser.gpc = True
    page = browser.get("/")
    assert "Your browser sends Global Privacy Control" in page.body
    assert 'name="marketing" value="yes" disabled' in page.body
    browser.post("/account/consent", {"csrf": page.token, "choice": "all"})
    assert 'data-allowed="necessary analytics personalisation"' in browser.get("/").body
    assert "stay off" in browser.get("/account/consent").body


def test_a_choice_is_changed_at_any_time_without_scripts(browser: Browser, shop: Shop) -> None:
    browser.send("/account/consent", page="/", choice="all")
    page = browser.get("/account/consent")
    assert page.body.count("checked") == 3
    assert not page.asks
    answer = browser.post("/account/consent", {"csrf": page.token, "choice": "some", "origin": "account page"})
    assert answer.header("location") == "/account/consent"
    assert browser.get("/account/consent").body.count("checked") == 0


def test_after_the_choice_one_is_where_one_was(browser: Browser) -> None:
    token = browser.get("/").token
    answer = browser.post("/account/consent", {"csrf": token, "choice": "all", "next": "/"},
                          Referer="http://shop.example/search?q=mug")  # fmt: skip
    assert answer.header("location") == "/search?q=mug"  # the app moves between pages without asking the server
    back = "/account/register?next=%2Fchat"
    answer = browser.post("/account/consent", {"csrf": token, "choice": "all"}, Referer=f"http://shop.example{back}")
    assert answer.header("location") == back
    answer = browser.post("/account/consent", {"csrf": token, "choice": "all"}, Referer="http://shop.example//evil.x")
    assert answer.header("location") == "/"
    for foreign in ("http://evil.example/x", "nonsense", "http://[::1"):
        answer = browser.post("/account/consent", {"csrf": token, "choice": "all", "next": "/chat"}, Referer=foreign)
        assert answer.header("location") == "/chat"
    answer = browser.post("/account/consent", {"csrf": token, "choice": "x"})
    assert answer.status == 400


def test_in_development_nobody_is_asked(settings: Settings, clock: ManualClock) -> None:
    relaxed = browsers(opened(settings, clock))
    page = relaxed.get("/")
    assert not page.asks
    assert 'data-allowed="necessary analytics personalisation marketing"' in page.body


def test_a_file_of_the_app_gets_no_banner(browser: Browser) -> None:
    browser.get("/")
    given = {"Accept": "text/css", "Sec-Fetch-Dest": "style", "Sec-Fetch-Mode": "no-cors"}
    assert not browser.ask("GET", "/static/x.css", **given, **{"Sec-Fetch-Site": "same-origin"}).asks


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit Chrome/140.0 Safari/537.36", "Chrome on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit Chrome/140 Mobile Safari/537", "Chrome on Android"),
        ("curl/8.5", "A program"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_browser_is_called_by_its_name(agent: str, words: str) -> None:
    assert browser_name(agent) == words
