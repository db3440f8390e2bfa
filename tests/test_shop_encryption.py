"""What the house knows of people is encrypted at rest, comes back in exports, and is gone after an erasure."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shopr.chat.memory import CONVERSATION_KEPT, Memory
from shopr.chat.state import State
from shopr.clock import ManualClock
from shopr.commerce.customers import Customer, CustomerBook
from shopr.commerce.personal import Personal
from shopr.config import Settings
from shopr.recommend.profile.corrections import Correction, CorrectionStore, Wishes
from shopr.security.crypto_rotation import Reencrypted
from shopr.shop import Shop
from shopr.shop.encrypted import ENCRYPTED
from shopr.storage.subjects import digest
from shopr.storage.tables import CARDS

LESS = Correction("category", "Toys > Dolls", "less")
SAID = "Send it to 5 Maple Street, please"


@pytest.fixture
def shop(settings: Settings, clock: ManualClock) -> Shop:
    return Shop.open(settings, clock=clock)


def corrections(shop: Shop) -> CorrectionStore:
    return shop.profiles._corrections  # type: ignore[attr-defined]


def talked(shop: Shop, user: str | None = "ann", conversation: str = "c1") -> Memory:
    memory = Memory(shop.database, shop.name, clock=shop.clock, cipher=lambda: shop.security.cipher)
    memory.save(conversation, user, State(turn=1), SAID, {"text": "To 5 Maple Street"})
    return memory


def on_disk(settings: Settings) -> bytes:
    return b"".join(path.read_bytes() for path in Path(settings.home).glob("state.db*"))


def test_every_table_that_says_so_is_on_the_list() -> None:
    promised = {name for name, card in CARDS.items() if card.encryption == "values"} - {"data_keys"}
    assert {column.table.name for column in ENCRYPTED} == promised


def test_conversations_and_profiles_are_not_on_the_disk_in_clear(shop: Shop, settings: Settings) -> None:
    memory = talked(shop)
    corrections(shop).put("ann", LESS)
    assert memory.turns("c1", "ann")[0].said == SAID
    assert corrections(shop).of("ann") == Wishes((LESS,))
    shop.database.close()
    found = on_disk(settings)
    assert b"Maple" not in found
    assert b"Dolls" not in found


def test_a_visitors_first_message_is_kept_at_once(shop: Shop) -> None:
    assert talked(shop, None, "a visitor/x").turns("a visitor/x", None)[0].said == SAID


def test_a_copy_for_the_person_is_in_clear(shop: Shop) -> None:
    talked(shop)
    corrections(shop).put("ann", LESS)
    found = shop.security.subjects.export("ann")
    assert found["chat_turns"][0]["said"] == SAID
    assert "Maple" in found["chat_turns"][0]["reply"]
    assert "Toys > Dolls" in found["profile_corrections"][0]["sealed"]
    assert found["data_keys"] == []


def test_an_erased_person_is_unreadable_in_every_backup(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    memory = talked(shop)
    talked(shop, "bob", "c2")
    shop.database.close()
    backup = tmp_path / "backup"
    backup.mkdir()
    for path in settings.home.glob("state.db*"):
        shutil.copy(path, backup)
    assert shop.security.subjects.erase("ann")["data_keys"] == 1
    assert memory.turns("c1", "ann") == []
    shop.database.close()
    for path in backup.glob("state.db*"):
        shutil.copy(path, settings.home)
    restored = Shop.open(settings, clock=shop.clock)
    again = Memory(restored.database, restored.name, clock=shop.clock, cipher=lambda: restored.security.cipher)
    assert again.turns("c1", "ann") == []  # the rows are back, the key is not
    assert again.turns("c2", "bob")[0].said == SAID


def test_what_was_said_in_clear_before_is_read_and_sealed_when_said_anew(shop: Shop, settings: Settings) -> None:
    CorrectionStore(shop.database, shop.name, clock=shop.clock).put("ann", LESS)
    store = corrections(shop)
    assert store.of("ann") == Wishes((LESS,))
    store.put("ann", Correction("category", "Toys > Dolls", "more"))
    assert store.of("ann") == Wishes((Correction("category", "Toys > Dolls", "more"),))
    store.put("ann", LESS)
    assert store.of("ann") == Wishes((LESS,))
    assert store.take_back("ann", "category", "Toys > Dolls")
    assert store.of("ann") == Wishes()


def test_two_people_who_say_the_same_look_different(shop: Shop) -> None:
    for user in ("ann", "bob"):
        corrections(shop).put(user, LESS)
    with shop.database.read() as connection:
        names = {name for (name,) in connection.exec_driver_sql("SELECT name FROM profile_corrections")}
    assert len(names) == 2


def test_people_get_new_keys_and_all_their_texts_come_along(shop: Shop) -> None:
    memory = talked(shop)
    talked(shop, "bob", "c2")
    corrections(shop).put("ann", LESS)
    before = shop.security.cipher.keys.current("ann").id
    done = shop.security.reencrypt(["ann"])
    assert done["chat_turns.said"] == Reencrypted(seen=2, renewed=1)
    assert done["profile_corrections.sealed"] == Reencrypted(seen=1, renewed=1)
    assert shop.security.cipher.keys.current("ann").id != before
    assert memory.turns("c1", "ann")[0].said == SAID
    assert corrections(shop).of("ann") == Wishes((LESS,))
    with shop.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM data_keys WHERE key_id = ?", (before,)).scalar() == 0


def test_customers_and_addresses_are_sealed_and_go_with_their_person(shop: Shop, settings: Settings) -> None:
    address = {"address1": "5 Maple Street", "city": "Elmstead", "zip": "EL1 5TD", "country": "GB"}
    ann = Customer("ann", "Ann", "Quince", "ann.quince@example.com", address)
    personal = Personal(lambda: shop.security.cipher, lambda: shop.security.pepper)
    book = CustomerBook(shop.database, shop.name, personal)
    CustomerBook(shop.database, shop.name).put([replace(ann, user_id="bob", email="bob@example.com")])  # from before
    assert book.put([ann]) == 1
    assert book.by_email("Ann.Quince@example.com") == "ann"
    assert shop.security.reencrypt(["ann"])["customers.sealed"] == Reencrypted(seen=2, renewed=1)
    assert book.by_email("bob@example.com") == "bob"
    found = book.get("ann")
    assert found is not None
    assert found.address["city"] == "Elmstead"
    assert "Elmstead" in shop.security.subjects.export("ann")["customers"][0]["sealed"]
    with shop.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM customers").fetchall()
    assert not [word for word in ("Quince", "Maple", "Elmstead", "bob@example") if word in str(rows)]
    shop.security.cipher.keys.erase("ann")  # the row is back, as from a backup; its key is not
    assert book.get("ann") is None


def test_keys_of_visitors_go_with_their_conversations_when_their_time_is_over(shop: Shop, clock: ManualClock) -> None:
    keys = shop.security.cipher.keys
    memory = Memory(shop.database, shop.name, clock=clock, cipher=lambda: shop.security.cipher, forget=keys.expire)
    memory.save("old", None, State(turn=1), SAID, {"text": "yes"})
    memory.save("both/1", None, State(turn=1), SAID, {"text": "yes"})
    memory.save("c", "ann", State(turn=1), SAID, {"text": "yes"})
    clock.advance(CONVERSATION_KEPT.total_seconds() - 60)
    memory.save("both/2", None, State(turn=1), SAID, {"text": "yes"})
    clock.advance(120)
    assert memory.tidy() == 6
    left = _subjects(shop)
    assert digest("conversation:old") not in left
    assert {digest("conversation:both"), digest("ann")} <= left
    assert memory.turns("both/2", None)[0].said == SAID
    assert keys.expire([""]) == 0  # texts about nobody


def _subjects(shop: Shop) -> set[str]:
    with shop.database.read() as connection:
        return {name for (name,) in connection.exec_driver_sql("SELECT subject FROM data_keys")}
