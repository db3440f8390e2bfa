"""Errors sent on to Sentry (extra `sentry`): off unless SHOPR_SENTRY_DSN is set, and redacted before they leave.

What is sent is made from our own event, which holds neither a person's id nor what variables held in clear: type,
message, frames, release, page, platform. Nothing is collected by the SDK itself: no request, no user, no breadcrumbs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from shopr.config import Settings
from shopr.data.events import Event
from shopr.errors import NotReadyError
from shopr.redaction import redact, redact_values

__all__ = ["Forwarder", "forwarder", "sentry_event"]

log = logging.getLogger(__name__)
_LONGEST = 2_000


class Forwarder:
    """Sends errors to a DSN, in a thread of the SDK's; what cannot be sent is dropped, for the error itself is stored.

    Args:
        client: a `sentry_sdk.Client`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, event: Event) -> None:
        """Send one error; never fails."""
        try:
            self._client.capture_event(sentry_event(event))
        except Exception as error:
            log.warning("an error was not sent to Sentry: %s", type(error).__name__)

    def close(self, seconds: float = 5.0) -> None:
        """Wait until what was given is sent."""
        self._client.close(timeout=seconds)


def forwarder(settings: Settings) -> Forwarder | None:
    """What sends errors to the DSN of the settings; None where there is none.

    Raises:
        NotReadyError: if a DSN is set and the SDK is not installed.
    """
    if not settings.sentry_dsn:
        return None
    try:
        from sentry_sdk import Client
    except ImportError as error:
        raise NotReadyError("Sentry's SDK is not installed", hint="Run: pip install 'shopr[sentry]'") from error
    return Forwarder(
        Client(
            settings.sentry_dsn, release=settings.release, environment=settings.environment.value,
            default_integrations=False, auto_enabling_integrations=False,
            send_client_reports=False, auto_session_tracking=False, max_breadcrumbs=0, server_name="",
            shutdown_timeout=2,
        )
    )  # fmt: skip


def sentry_event(event: Event) -> Any:
    """The error as Sentry's own JSON."""
    said = event.properties
    exception: dict[str, Any] = {
        "type": str(said.get("name", "Error"))[:256],
        "value": redact(str(said.get("message", "")))[:_LONGEST],
        "mechanism": {"type": "generic", "handled": bool(said.get("handled", True))},
    }
    frames = [_frame(frame) for frame in said.get("frames") or () if isinstance(frame, Mapping)]
    if frames:
        exception["stacktrace"] = {"frames": frames}
    tags = {name: redact(str(said[name]))[:200] for name in ("page", "device", "platform") if said.get(name)}
    made: dict[str, Any] = {
        "event_id": event.event_id if _is_hex(event.event_id) else None,
        "timestamp": event.time.isoformat(),
        "level": "error",
        "platform": "javascript" if said.get("platform") == "browser" else "python",
        "exception": {"values": [exception]},
        "fingerprint": [str(said["fingerprint"])] if said.get("fingerprint") else ["{{ default }}"],
        "tags": tags,
    }
    if said.get("release"):
        made["release"] = str(said["release"])[:128]
    return {name: value for name, value in made.items() if value is not None}


def _frame(frame: Mapping[str, Any]) -> dict[str, Any]:
    held = redact_values(frame.get("held") or {})
    made: dict[str, Any] = {
        "filename": str(frame.get("file", "")), "function": str(frame.get("function", "")),
        "lineno": int(frame.get("line") or 0), "in_app": "site-packages" not in str(frame.get("file", "")),
    }  # fmt: skip
    return {**made, "vars": held} if held else made


def _is_hex(text: str) -> bool:
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)
