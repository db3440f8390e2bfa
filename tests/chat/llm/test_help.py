"""The assistant with a language model beside it: a real endpoint, the real assistant, facts that stay as they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shopr.config import Settings
from shopr.errors import ConfigError
from shopr.shop import Shop
from tests.app.sample import sample_dataset
from tests.chat.llm.server import Endpoint, serving


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as served:
        yield served


def shop(settings: Settings, endpoint: Endpoint | None, **more: object) -> Shop:
    if not (settings.shop_folder() / "manifest.json").is_file():
        sample_dataset(shoppers=5, lines=60).save(settings.shop_folder())
    given = {} if endpoint is None else {"llm_url": endpoint.url, "llm_model": "small"}
    return Shop.open(Settings(**{**given, **more}))


def system(body: dict[str, object]) -> str:
    return str(body["messages"][0]["content"])  # type: ignore[index]


def test_a_reply_is_reworded_and_its_facts_are_the_shops(settings: Settings, endpoint: Endpoint) -> None:
    plain = shop(settings, None).assistant.reply("show me mugs", conversation_id="a")

    def reworded(body: dict[str, object]) -> str:
        text = str(body["messages"][1]["content"])  # type: ignore[index]
        return text.replace("Here are", "Have a look at")

    endpoint.answer = reworded
    made = shop(settings, endpoint).assistant.reply("show me mugs", conversation_id="b")
    assert made.text == plain.text.replace("Here are", "Have a look at") != plain.text
    assert made.products == plain.products
    sent = endpoint.user()
    for product in plain.products:
        assert product.title not in sent
        assert product.price not in sent


def test_a_model_that_lies_fails_or_hangs_changes_nothing(settings: Settings, endpoint: Endpoint) -> None:
    plain = shop(settings, None).assistant.reply("show me mugs", conversation_id="a")
    endpoint.answer = lambda body: "Everything is free today"
    assert shop(settings, endpoint).assistant.reply("show me mugs", conversation_id="b").text == plain.text
    endpoint.status = 500
    assert shop(settings, endpoint).assistant.reply("show me mugs", conversation_id="c").text == plain.text


def test_what_was_not_understood_is_read_by_the_model_and_done_by_the_core(
    settings: Settings, endpoint: Endpoint
) -> None:
    strange = "blorpf zindle quompah"
    lost = shop(settings, None).assistant.reply(strange, conversation_id="a")
    assert lost.products == ()

    def read(body: dict[str, object]) -> str:
        if "Answer with JSON" not in system(body):
            return str(body["messages"][1]["content"])  # type: ignore[index]
        return '{"commands": [{"name": "search", "need": {"words": ["mug"], "price_max": 60}}, {"name": "checkout"}]}'

    endpoint.answer = read
    made = shop(settings, endpoint).assistant.reply(strange, conversation_id="b")
    assert made.intent == "search"
    assert made.products
    assert all("mug" in p.title.lower() and float(p.price) <= 60 for p in made.products)


def test_orders_returns_and_refusals_are_never_reworded(settings: Settings, endpoint: Endpoint) -> None:
    talking = shop(settings, endpoint).assistant
    for message in ("where is my order A1001?", "let me speak to a human", "write me a poem about the moon"):
        talking.reply(message, conversation_id="c")
    assert [body for body in endpoint.asked if "reword" in system(body)] == []


def test_a_wrong_endpoint_is_told_by_its_setting(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="llm_url: Value error, is no address"):
        _ = shop(settings, None, llm_url="localhost:11434", llm_model="m").assistant
    with pytest.raises(ConfigError, match="SHOPR_LLM_MODEL"):
        _ = shop(settings, None, llm_url="http://localhost:11434/v1").assistant
    assert Settings(llm_api_key="secret").shown("llm_api_key") == "***"
    assert "secret" not in repr(Settings(llm_api_key="secret"))
