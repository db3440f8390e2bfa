"""Accounts and log-ins: names sealed, passwords hashed, failures counted without locking anybody else out."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from shopr.clock import ManualClock
from shopr.errors import InputError, NotReadyError, UnknownNameError
from shopr.security.access_book import AccessBook
from shopr.security.accounts import Accounts, known_as
from shopr.security.behaviour import Behaviour
from shopr.security.checks import FailureCheck
from shopr.security.crypto import Cipher
from shopr.security.limits import LimitConfig, Limits, StateWindows
from shopr.security.lockout import Lockout
from shopr.security.passwords import Passwords
from shopr.security.signin import SignIn
from shopr.security.state import MemoryState
from shopr.security.watch import Watch
from shopr.storage import Database

GOOD, OTHER = "seven green lamps", "nine loud rivers"
HOME, ELSEWHERE = "203.0.113.7", "198.51.100.66"


class Counting(Passwords):
    """Cheap hashes, and how often one was verified or made."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_kib=64, lanes=1)
        self.done: list[str] = []

    def hash(self, password: str) -> str:
        self.done.append("hash")
        return super().hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        self.done.append("verify")
        return super().verify(stored, password)


@pytest.fixture
def passwords() -> Counting:
    return Counting()


@pytest.fixture
def accounts(database: Database, cipher: Cipher, clock: ManualClock, passwords: Counting) -> Accounts:
    return Accounts(database, cipher=lambda: cipher, pepper=lambda: b"p", passwords=passwords, clock=clock)


@pytest.fixture
def door(accounts: Accounts, watch: Watch, book: AccessBook, clock: ManualClock) -> SignIn:
    state = MemoryState(clock=clock)
    lockout = Lockout(state)
    limits = Limits(StateWindows(state), LimitConfig(per_window={"login": 1000}))
    return SignIn(accounts, lockout, FailureCheck(lockout, Behaviour(state), book, watch), limits)


# -- accounts ---------------------------------------------------------------------------------------------------------


def test_an_account_is_found_however_its_name_is_typed(accounts: Accounts) -> None:
    made = accounts.create("  Ann@Example.com ", GOOD)
    assert made.name == "ann@example.com"
    assert accounts.named("ANN@example.COM") == accounts.of(made.user_id)
    assert accounts.named("bob") is None
    assert accounts.named("") is None
    assert (accounts.count(), accounts.listed()[0].name) == (1, "ann@example.com")


def test_nothing_in_storage_tells_a_name_or_a_password(accounts: Accounts, database: Database) -> None:
    accounts.create("ann@example.com", GOOD)
    with database.read() as connection:
        row = connection.execute(text("SELECT * FROM accounts")).mappings().one()
    stored = " ".join(str(value) for value in row.values())
    assert "ann" not in stored.replace("argon2", "")
    assert GOOD not in stored
    assert row["password_hash"].startswith("$argon2id$")


def test_a_name_and_a_person_have_one_account_each(accounts: Accounts) -> None:
    first = accounts.create("ann", GOOD, user_id="u005")
    for name, user in (("ANN", ""), ("other", "u005")):
        with pytest.raises(InputError, match="has an account already"):
            accounts.create(name, GOOD, user_id=user)
    assert accounts.create("bob", GOOD).user_id not in ("bob", first.user_id)  # nobody becomes somebody on record


@pytest.mark.parametrize("name", ["", "ab", "a b c", "ann\n", "x" * 255, "<script>", "ann;--", "a\u202eb c"])
def test_what_can_be_no_name_is_refused(accounts: Accounts, name: str) -> None:
    if name == "ann\n":  # spaces around a name do not count
        assert known_as(name) == "ann"
        return
    with pytest.raises(InputError, match="name of"):
        accounts.create(name, GOOD)


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_a_name_is_known_as_itself(name: str) -> None:
    try:
        known = known_as(name)
    except InputError:
        return
    assert known_as(known) == known
    assert known.isprintable()


@pytest.mark.parametrize(
    "password",
    ["short", "aaaaaaaaaaaaaa", "password1234!", "123456789012", "qwerty123456", "ann.lee@x.com1", "x" * 1025],
)
def test_what_is_guessed_first_is_no_password(accounts: Accounts, password: str) -> None:
    with pytest.raises(InputError, match="password"):
        accounts.create("ann.lee@x.com", password)


def test_a_password_is_hashed_anew_once_its_parameters_are_out_of_date(
    accounts: Accounts, database: Database, cipher: Cipher, clock: ManualClock
) -> None:
    made = accounts.create("ann", GOOD)
    stronger = Passwords(time_cost=2, memory_kib=64, lanes=1)
    later = Accounts(database, cipher=lambda: cipher, pepper=lambda: b"p", passwords=stronger, clock=clock)
    assert not later.fits(made, OTHER)
    assert later.fits(made, GOOD)
    with database.read() as connection:
        assert "t=2" in str(connection.execute(text("SELECT password_hash FROM accounts")).scalar())
    assert later.fits(made, GOOD)


def test_an_operator_changes_what_an_account_may_do(accounts: Accounts) -> None:
    made = accounts.create("ann", GOOD)
    accounts.set_privilege(made.user_id, "analyst")
    accounts.lock(made.user_id, "a lost phone")
    found = accounts.of(made.user_id)
    assert found is not None
    assert (found.privilege, found.locked, found.locked_why) == ("analyst", True, "a lost phone")
    accounts.unlock(made.user_id)
    with pytest.raises(NotReadyError, match="not locked"):
        accounts.unlock(made.user_id)
    with pytest.raises(UnknownNameError, match="Known: analyst, operator, user"):
        accounts.set_privilege(made.user_id, "king")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError):
        accounts.lock("nobody", "x")
    with pytest.raises(InputError):
        accounts.lock(made.user_id, " ")


def test_two_who_take_the_same_name_at_once_get_one_account(accounts: Accounts) -> None:
    start = threading.Barrier(8)

    def take(number: int) -> bool:
        start.wait()
        try:
            accounts.create("ann", GOOD)
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


# -- log-ins ----------------------------------------------------------------------------------------------------------


def test_the_right_password_lets_in(door: SignIn, accounts: Accounts) -> None:
    made = accounts.create("ann", GOOD)
    attempt = door.attempt("Ann", GOOD, address=HOME)
    assert attempt.outcome == "accepted"
    assert attempt.account is not None
    assert attempt.account.user_id == made.user_id
    found = accounts.of(made.user_id)
    assert found is not None
    assert found.seen_at is not None


def test_an_unknown_name_and_a_wrong_password_look_the_same(
    door: SignIn, accounts: Accounts, passwords: Counting
) -> None:
    accounts.create("ann", GOOD)
    passwords.done.clear()
    answers = []
    for name in ("ann", "nobody"):
        for _ in range(6):
            attempt = door.attempt(name, OTHER, address=HOME)
            answers.append((attempt.outcome, attempt.words, attempt.wait, tuple(passwords.done)))
            passwords.done.clear()
    assert answers[:6] == answers[6:]
    assert answers[0][3] == ("verify",)
    assert answers[5][3] == ()  # who is locked out does not even cost a hash


def test_the_fifth_failure_locks_and_tells_for_how_long(door: SignIn, accounts: Accounts, clock: ManualClock) -> None:
    accounts.create("ann", GOOD)
    outcomes = [door.attempt("ann", OTHER, address=HOME) for _ in range(5)]
    assert [one.outcome for one in outcomes] == ["refused"] * 4 + ["locked"]
    assert "try again in 5 minutes" in outcomes[-1].words
    assert outcomes[-1].wait == 300
    assert door.attempt("ann", GOOD, address=HOME).outcome == "locked"  # not even the right one, now
    clock.advance(301)
    assert door.attempt("ann", GOOD, address=HOME).outcome == "accepted"
    for _ in range(5):
        last = door.attempt("ann", OTHER, address=HOME)
    assert last.wait == 300  # a success forgets the lock before


def test_each_further_lock_lasts_twice_as_long(door: SignIn, accounts: Accounts, clock: ManualClock) -> None:
    accounts.create("ann", GOOD)
    waits = []
    for _ in range(3):
        for _ in range(5):
            last = door.attempt("ann", OTHER, address=HOME)
        waits.append(last.wait)
        clock.advance(last.wait + 1)
    assert waits == [300, 600, 1200]


def test_somebody_elses_failures_lock_nobody_out(door: SignIn, accounts: Accounts, watch: Watch) -> None:
    made = accounts.create("ann", GOOD)
    for _ in range(8):
        door.attempt("ann", OTHER, address=ELSEWHERE)
    assert door.attempt("ann", GOOD, address=HOME).outcome == "accepted"
    assert door.attempt("ann", GOOD, address=ELSEWHERE).outcome == "locked"
    (lock,) = watch.locks()
    assert lock.who == f"account {made.user_id} on {ELSEWHERE}"


def test_what_was_typed_as_an_unknown_name_is_not_kept(door: SignIn, watch: Watch, database: Database) -> None:
    for _ in range(5):
        door.attempt("my secret password", "x", address=HOME)
    (lock,) = watch.locks()
    assert lock.who.startswith("account unknown ")
    with database.read() as connection:
        for name in ("guard_events", "audit_log"):
            rows = connection.execute(text(f"SELECT * FROM {name}")).mappings().all()
            assert "my secret password" not in str([dict(row) for row in rows])


def test_many_names_refused_on_one_network_block_it(door: SignIn, book: AccessBook) -> None:
    for number in range(12):
        door.attempt(f"shopper{number}", OTHER, address=ELSEWHERE)
    assert not book.check(ELSEWHERE).allowed
    assert book.check(HOME).allowed
    assert "credential_stuffing" in book.rules()[0].reason


def test_a_closed_account_is_told_only_to_who_has_its_password(door: SignIn, accounts: Accounts) -> None:
    made = accounts.create("ann", GOOD)
    accounts.lock(made.user_id, "a lost phone")
    assert door.attempt("ann", OTHER, address=HOME).outcome == "refused"
    assert door.attempt("ann", GOOD, address=HOME).outcome == "closed"


def test_too_many_tries_in_a_minute_are_not_even_judged(
    accounts: Accounts, watch: Watch, book: AccessBook, passwords: Counting, clock: ManualClock
) -> None:
    accounts.create("ann", GOOD)
    state = MemoryState(clock=clock)
    lockout = Lockout(state)
    door = SignIn(accounts, lockout, FailureCheck(lockout, None, book, watch), Limits(StateWindows(state)))
    passwords.done.clear()
    outcomes = [door.attempt(f"name{n}", GOOD, address=HOME, session="s").outcome for n in range(12)]
    assert outcomes == ["refused"] * 10 + ["too often"] * 2
    assert passwords.done == ["verify"] * 10
    clock.advance(61)
    assert door.attempt("ann", GOOD, address=HOME, session="s").outcome == "accepted"


def test_guesses_sent_at_once_are_not_all_judged(door: SignIn, accounts: Accounts, passwords: Counting) -> None:
    accounts.create("ann", GOOD)
    passwords.done.clear()
    start = threading.Barrier(30)

    def guess(number: int) -> str:
        start.wait()
        return door.attempt("ann", f"{OTHER} {number}", address=HOME).outcome

    with ThreadPoolExecutor(30) as pool:
        outcomes = list(pool.map(guess, range(30)))
    assert passwords.done.count("verify") == 5
    assert outcomes.count("refused") == 4
    assert outcomes.count("locked") == 26


@given(wrong=st.text(max_size=60), place=st.sampled_from([HOME, "2001:db8::1", ""]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_text_but_the_password_lets_in(door: SignIn, accounts: Accounts, wrong: str, place: str) -> None:
    if accounts.named("ann") is None:
        accounts.create("ann", GOOD)
    attempt = door.attempt("ann", wrong, address=place)
    assert attempt.account is None or wrong == GOOD


def test_who_is_signed_in_proves_it_once_more(door: SignIn, accounts: Accounts) -> None:
    made = accounts.create("ann", GOOD)
    assert door.confirm(made.user_id, GOOD, address=HOME).outcome == "accepted"
    for _ in range(5):
        last = door.confirm(made.user_id, OTHER, address=HOME)
    assert last.outcome == "locked"


def test_one_name_locked_in_a_browser_leaves_the_others(door: SignIn, accounts: Accounts) -> None:
    accounts.create("ann", GOOD)
    accounts.create("bob", OTHER)
    for _ in range(5):
        door.attempt("ann", "wrong wrong wrong", address=HOME, session="s")
    assert door.attempt("bob", OTHER, address=HOME, session="s").outcome == "accepted"
