"""Channels: where notices go, by Apprise (webhooks, e-mail, Slack and a hundred others), whose URLs hold secrets.

A URL comes from the configuration alone, never from a request; redirects are not followed, so that a webhook cannot
send a notice on into the network it stands in. No URL is ever printed or logged, nor what a library says about one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from shopr.analytics.alerts.rulebook import Channel
from shopr.errors import ConfigError, NotReadyError, UnknownNameError

__all__ = ["Notice", "Sender", "send", "url_of"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said.

    Attributes:
        key: tells a webhook whether it has seen this notice before.
    """

    title: str
    body: str
    severity: str
    key: str


Sender = Callable[[str, Channel, Notice], None]
"""Sends a notice through a channel, given by name and settings. Raises `NotReadyError` if it was not delivered."""
CONNECT_SECONDS, READ_SECONDS = 5.0, 10.0
_KEYED = ("json", "jsons", "xml", "xmls", "form", "forms")
"""Schemes whose requests can carry a header of ours."""
_TALKATIVE = ("apprise", "urllib3", "urllib3.connectionpool", "requests")
_LONGEST_URL = 4096


def url_of(name: str, channel: Channel) -> str:
    """The URL of a channel.

    Raises:
        ConfigError: if its variable or file holds none; the message does not show it.
    """
    if channel.url is not None:
        url = channel.url.get_secret_value()
    elif channel.url_env is not None:
        url = os.environ.get(channel.url_env, "")
        if not url:
            raise ConfigError(f"channel {name}: {channel.url_env} is not set", hint="Set it to an Apprise URL")
    else:
        assert channel.url_file is not None
        try:
            url = channel.url_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"channel {name}: {channel.url_file} cannot be read", hint="Check its rights") from None
    url = url.strip()
    if not url or len(url) > _LONGEST_URL or any(c in url for c in "\n\r\0"):
        raise ConfigError(f"channel {name} holds no URL", hint="Give one Apprise URL, such as jsons://host/path")
    return url


def send(name: str, channel: Channel, notice: Notice) -> None:
    """Send a notice through a channel, once.

    Raises:
        ConfigError: if the channel has no sound URL.
        NotReadyError: if it was not delivered.
    """
    url = url_of(name, channel)
    with _hushed():
        import apprise

        target = _target(apprise, name, url, notice.key)
        kind = {"critical": "failure", "warning": "warning"}.get(notice.severity, "info")
        try:
            done = target.send(body=notice.body, title=notice.title, notify_type=apprise.NotifyType(kind))
        except Exception as error:  # a plugin's own failure: its words may hold the URL
            raise NotReadyError(f"channel {name} failed: {type(error).__name__}", hint="Check its settings") from None
    if not done:
        raise NotReadyError(f"channel {name} did not take it", hint="Check its address, its key and the network")


@contextmanager
def _hushed() -> Iterator[None]:
    """What these log names URLs, some of which are secrets whole."""
    loggers = [logging.getLogger(each) for each in _TALKATIVE]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)


def _target(apprise: Any, name: str, url: str, key: str) -> Any:
    scheme = url.partition("://")[0].lower() if "://" in url else ""  # without one, all of it may be the secret
    more = f"redirect=no&cto={CONNECT_SECONDS}&rto={READ_SECONDS}"
    if scheme in _KEYED:
        more += f"&%2BIdempotency-Key={quote(key)}"
    asset = apprise.AppriseAsset(app_id="Shopr", app_desc="Shopr", app_url="", async_mode=False)
    joined = f"{url}{'&' if '?' in url else '?'}{more}"
    try:
        made = apprise.Apprise.instantiate(joined, asset=asset, suppress_exceptions=True)
    except Exception:
        made = None
    if made is None:
        known = {s for plugin in apprise.Apprise().details()["schemas"] for s in _schemes(plugin)}
        if scheme and scheme.isalnum() and len(scheme) < 20 and scheme not in known:
            raise ConfigError(
                f"channel {name}: {UnknownNameError('kind of channel', scheme, known).one_line()[:200]}",
                hint="See Apprise's list of services",
            )
        raise ConfigError(f"channel {name}: Apprise cannot read its URL", hint="Write it as Apprise's pages say")
    return made


def _schemes(plugin: dict[str, Any]) -> list[str]:
    return [*(plugin.get("protocols") or ()), *(plugin.get("secure_protocols") or ())]
