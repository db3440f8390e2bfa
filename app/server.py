"""The app's server: Streamlit behind the shop's doors, with its headers, sessions and limits. Started by `shopr app`.

Streamlit itself guards its WebSocket and uploads by tokens of its own; what it has no idea of (strict headers,
sessions on the server, access lists, limits, hosts) comes from `shopr.security`, before Streamlit sees a request.
"""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from shopr.config import Settings
from shopr.shop import Shop

_HERE = {"127.0.0.1", "localhost", "[::1]"}
bound = os.environ.get("SHOPR_APP_HOST", "127.0.0.1")
settings = Settings()
named = tuple(name.strip().lower() for name in settings.app_hosts.split(",") if name.strip())
# Who listens on this machine alone answers to its own names alone, so that no foreign name can be made to lead here.
usual = tuple(sorted(_HERE)) if bound in ("127.0.0.1", "::1", "localhost") else ("*",)

app = st.App(
    Path(__file__).resolve().parent / "main.py",
    middleware=[Middleware(Shop.open(settings).security.doors, hosts=(*named, *_HERE) if named else usual)],
)
