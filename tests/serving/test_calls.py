"""Which requests become figures, and which of them events."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shopr.security.asgi import Message, Receive, Scope, Send
from shopr.serving.collect.calls import SENDER_LEFT, CallMeter, Routes


class Answering:
    """An application that answers everything with one status."""

    def __init__(self, status: int) -> None:
        self.status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def measured(path: str, status: int) -> tuple[list[Any], list[Any]]:
    told: list[Any] = []
    noted: list[Any] = []
    meter = CallMeter(
        Answering(status),
        Routes(["/", "/collect/own", "/static/*", "/_stcore/*"]),
        lambda method, route, answer, seconds: told.append((route, answer)),
        lambda route, answer, milliseconds, method: noted.append((route, answer)),
    )

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def unheard(message: Message) -> None:
        return None

    asyncio.run(meter({"type": "http", "method": "POST", "path": path}, nothing, unheard))
    return told, noted


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/collect/own", 400), ("/nowhere", 404), ("/", 500)])
def test_a_request_is_a_figure_and_an_event(path: str, status: int) -> None:
    told, noted = measured(path, status)
    assert told == noted == [("other" if path == "/nowhere" else path, status)]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/collect/own", SENDER_LEFT),
        ("/static/a.js", 200),
        ("/store/_stcore/health", 404),  # Streamlit asks there first, and then where it is
        ("/store/_stcore/host-config", 404),
        ("/_stcore/health", 200),
    ],
)
def test_what_nobody_would_miss_is_a_figure_alone(path: str, status: int) -> None:
    told, noted = measured(path, status)
    assert (len(told), noted) == (1, [])
