"""ClamAV over its socket: a file is streamed to clamd (INSTREAM), nothing of it touches a disk on the way."""

from __future__ import annotations

import socket
from typing import Protocol
from urllib.parse import urlsplit

from shopr.errors import ConfigError, StorageError

__all__ = ["ClamAV", "Scanner"]

_CHUNK = 1 << 16
_MOST_ANSWER = 4096


class Scanner(Protocol):
    """Whoever looks for malware."""

    def scan(self, data: bytes) -> str | None:
        """The name of what was found; None if nothing was.

        Raises:
            StorageError: if it could not look.
        """


class ClamAV:
    """A clamd.

    Args:
        address: `unix:///run/clamav/clamd.ctl` or `tcp://host:3310`.
        seconds: patience.

    Raises:
        ConfigError: if the address is none.
    """

    def __init__(self, address: str, *, seconds: float = 20.0) -> None:
        parts = urlsplit(address)
        if parts.scheme == "unix" and parts.path:
            self._path, self._host = parts.path, ("", 0)
        elif parts.scheme == "tcp" and parts.hostname:
            self._path, self._host = "", (parts.hostname, parts.port or 3310)
        else:
            raise ConfigError(f"{address!r} is no address of clamd", hint="Write unix:///path or tcp://host:3310")
        self._seconds = seconds

    def scan(self, data: bytes) -> str | None:
        """The name of the malware in `data`; None if clamd found none.

        Raises:
            StorageError: if clamd does not answer, or refuses.
        """
        try:
            with self._connected() as link:
                link.sendall(b"zINSTREAM\0")
                for start in range(0, len(data), _CHUNK):
                    part = data[start : start + _CHUNK]
                    link.sendall(len(part).to_bytes(4, "big") + part)
                link.sendall(bytes(4))
                answer = self._answer(link)
        except OSError as error:
            raise StorageError(
                f"clamd does not answer: {error.strerror or type(error).__name__}",
                hint="Start it, or correct its address",
            ) from error
        if answer.endswith(" FOUND"):
            return answer.removeprefix("stream: ").removesuffix(" FOUND")
        if answer != "stream: OK":
            raise StorageError(
                f"clamd refused: {answer[:200] or 'no answer'}", hint="Read its log; raise StreamMaxLength"
            )
        return None

    def _connected(self) -> socket.socket:
        if not self._path:
            return socket.create_connection(self._host, self._seconds)
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(self._seconds)
        try:
            link.connect(self._path)
        except BaseException:
            link.close()
            raise
        return link

    def _answer(self, link: socket.socket) -> str:
        found = b""
        while b"\0" not in found and len(found) < _MOST_ANSWER:
            part = link.recv(_MOST_ANSWER)
            if not part:
                break
            found += part
        return found.partition(b"\0")[0].decode("utf-8", "replace").strip()
