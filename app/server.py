"""The app's server: Streamlit behind the shop's doors, with its headers, sessions and limits. Started by `shopr app`.

Streamlit itself guards its WebSocket and uploads by tokens of its own; what it has no idea of (strict headers,
sessions on the server, access lists, limits, hosts) comes from `shopr.security`, before Streamlit sees a request.
`shopr.serving.account` signs people in and asks what may be kept of them; `shopr.serving.collect` takes events in, puts
the script that measures into pages, and tells Prometheus; `shopr.serving.steady` keeps a page steady for its people.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from shopr.analytics.health.errors import ErrorHandler
from shopr.config import Settings
from shopr.serving.account.pages import AccountPages
from shopr.serving.collect.calls import CallMeter, Routes
from shopr.serving.collect.pages import Collecting
from shopr.serving.steady import Steady
from shopr.shop import Shop

_FOLDER = Path(__file__).resolve().parent
_HERE = {"127.0.0.1", "localhost", "[::1]"}
_PAGES = [f"/{view.stem.replace('_', '-')}" for view in sorted((_FOLDER / "views").glob("*.py"))]
_BELOW = ["/account/*", "/static/*", "/media/*", "/component/*", "/_stcore/upload_file/*", "/_stcore/*", "/security/*"]
_OURS = ["/", "/collect", "/collect/own", "/collect/consent", "/collect/measure.js", "/metrics"]
_HEALTH = ["/_stcore/health", "/_stcore/script-health-check"]
bound = os.environ.get("SHOPR_APP_HOST", "127.0.0.1")
settings = Settings()
shop = Shop.open(settings)
named = tuple(name.strip().lower() for name in settings.app_hosts.split(",") if name.strip())
# Who listens on this machine alone answers to its own names alone, so that no foreign name can be made to lead here.
usual = tuple(sorted(_HERE)) if bound in ("127.0.0.1", "::1", "localhost") else ("*",)
theme = (_FOLDER / "theme.css").read_text(encoding="utf-8")
log = logging.getLogger("shopr")
if not any(isinstance(handler, ErrorHandler) for handler in log.handlers):  # Streamlit may read this file again
    # With a handler of its own a logger no longer falls back to standard error, where the app's log is written.
    log.addHandler(logging.StreamHandler())
    log.addHandler(ErrorHandler(shop.record, release=settings.release))
    shop.watch_process("app")

app = st.App(
    _FOLDER / "main.py",
    middleware=[
        Middleware(
            CallMeter,
            routes=Routes([*_OURS, *_HEALTH, *_PAGES, *_BELOW]),
            told=shop.metrics.called,
            noted=shop.called,
        ),
        Middleware(shop.security.doors, hosts=(*named, *_HERE) if named else usual, styles=(theme,)),
        Middleware(AccountPages, shop=shop),
        Middleware(Collecting, shop=shop),
        Middleware(Steady),
    ],
)
