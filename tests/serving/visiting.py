"""A browser without a screen: keeps its cookies, sends forms as pages hold them, and comes from where one says."""

from __future__ import annotations

import asyncio
import html
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

from shopr.security.asgi import App, Message

__all__ = ["Browser", "Page"]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass
class Page:
    """An answer."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def alert(self) -> str:
        """What the page says went wrong."""
        found = re.search(r'role="alert">(.*?)</p>', self.body)
        return html.unescape(found[1]) if found else ""

    @property
    def token(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.body)
        return found[1] if found else ""

    @property
    def asks(self) -> bool:
        """Whether the banner stands in front."""
        return 'id="consent"' in self.body


@dataclass
class Browser:
    """A browser, with its cookie, its address and its user agent."""

    app: App
    address: str = "203.0.113.7"
    agent: str = FIREFOX
    gpc: bool = False
    secure: bool = False
    cookie: str = ""
    set_cookies: list[str] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> Page:
        given = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
        return self.ask("GET", path, **{**given, "Sec-Fetch-Site": "none", **headers})

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Page:
        given = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        return self.ask("POST", path, urlencode(fields).encode(), **{**given, **headers})

    def send(self, path: str, *, page: str = "", **fields: str) -> Page:
        """Open a page and send its form; `page`: another than the one that it is sent to."""
        return self.post(path, {"csrf": self.get(page or path).token, **fields})

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Page:
        told = {"Host": "shop.example", "User-Agent": self.agent, **headers}
        told |= {"Cookie": self.cookie} if self.cookie else {}
        told |= {"Sec-GPC": "1"} if self.gpc else {}
        where, _, query = path.partition("?")
        scope = {
            "type": "http", "method": method, "path": where, "query_string": query.encode(), "http_version": "1.1",
            "headers": [(n.replace("_", "-").lower().encode(), v.encode("latin-1")) for n, v in told.items()],
            "client": (self.address, 4711), "scheme": "https" if self.secure else "http", "server": ("s", 80),
        }  # fmt: skip
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))  # type: ignore[arg-type]
        start = sent[0]
        lines = [(n.decode().lower(), v.decode("latin-1")) for n, v in start["headers"]]
        for name, value in lines:
            if name == "set-cookie":
                self.set_cookies.append(value)
                self.cookie = "" if "Max-Age=0" in value else value.partition(";")[0]
        text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
        return Page(int(start["status"]), lines, text)
