"""The OWASP core rule set on libmodsecurity, as Debian packages both (libmodsecurity3, modsecurity-crs), through its C
interface. It runs in a process of its own and reads texts, one JSON string a line; it tells 1 or 0 a line.

    python benchmarks/security_crs.py 1 < texts    # paranoia level 1
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

__all__ = ["core_rule_set", "version"]

LIBRARY = "libmodsecurity.so.3"
SETUP = Path("/etc/modsecurity/crs/crs-setup.conf")
RULES = Path("/usr/share/modsecurity-crs/rules")
_HEADERS = {"Host": "shop.example", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Accept": "*/*"}


class _Intervention(ctypes.Structure):
    _fields_ = (
        ("status", ctypes.c_int),
        ("pause", ctypes.c_int),
        ("url", ctypes.c_char_p),
        ("log", ctypes.c_char_p),
        ("disruptive", ctypes.c_int),
    )


def version() -> str:
    """Of the rules; "" where library or rules are not installed."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return ""
    if not SETUP.is_file() or not RULES.is_dir():
        return ""
    for line in (RULES / "REQUEST-901-INITIALIZATION.conf").read_text(encoding="utf-8").splitlines():
        if "OWASP ModSecurity Core Rule Set ver." in line:
            return line.rpartition("ver.")[2].strip()
    return "unknown"


def core_rule_set(texts: Sequence[str], level: int) -> tuple[list[str], float] | None:
    """Its decisions at a paranoia level, and texts a second of CPU; None where it is not installed or fails."""
    if not version():
        return None
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    command = [sys.executable, __file__, str(level)]
    with subprocess.Popen(  # it logs every match, which nobody wants to read
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        told, _ = child.communicate(lines)
    answers = told.split()
    if child.returncode or len(answers) != len(texts) + 1:
        return None
    return ["block" if answer == "1" else "allow" for answer in answers[:-1]], len(texts) / float(answers[-1])


class _Rules:
    """The library with the rules of one level."""

    def __init__(self, level: int) -> None:
        self._lib = ctypes.CDLL(LIBRARY)
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in (
            ("msc_init", pointer, ()),
            ("msc_create_rules_set", pointer, ()),
            ("msc_rules_add", ctypes.c_int, (pointer, text, ctypes.POINTER(text))),
            ("msc_rules_add_file", ctypes.c_int, (pointer, text, ctypes.POINTER(text))),
            ("msc_new_transaction", pointer, (pointer, pointer, pointer)),
            ("msc_process_connection", ctypes.c_int, (pointer, text, ctypes.c_int, text, ctypes.c_int)),
            ("msc_process_uri", ctypes.c_int, (pointer, text, text, text)),
            ("msc_add_request_header", ctypes.c_int, (pointer, text, text)),
            ("msc_process_request_headers", ctypes.c_int, (pointer,)),
            ("msc_process_request_body", ctypes.c_int, (pointer,)),
            ("msc_intervention", ctypes.c_int, (pointer, ctypes.POINTER(_Intervention))),
            ("msc_transaction_cleanup", None, (pointer,)),
        ):
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._engine, self._set = self._lib.msc_init(), self._lib.msc_create_rules_set()
        action = f'SecAction "id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level={level}"'
        blocking = 'SecDefaultAction "phase:1,log,pass"\nSecDefaultAction "phase:2,log,pass"'
        self._add(f"SecRuleEngine On\nSecAuditEngine Off\nSecRequestBodyAccess On\n{blocking}\n{action}")
        setup = [line for line in SETUP.read_text(encoding="utf-8").splitlines() if "SecDefaultAction" not in line]
        self._add("\n".join(setup))
        for path in sorted(RULES.glob("REQUEST-*.conf")):
            self._file(path)

    def _add(self, text: str) -> None:
        error = ctypes.c_char_p()
        if self._lib.msc_rules_add(self._set, text.encode(), ctypes.byref(error)) < 0:
            raise SystemExit(f"the rules were refused: {error.value!r}")

    def _file(self, path: Path) -> None:
        error = ctypes.c_char_p()
        if self._lib.msc_rules_add_file(self._set, str(path).encode(), ctypes.byref(error)) < 0:
            raise SystemExit(f"{path.name} was refused: {error.value!r}")

    def blocks(self, text: str) -> bool:
        """Whether a request with the text as a parameter is refused."""
        lib = self._lib
        one = lib.msc_new_transaction(self._engine, self._set, None)
        try:
            lib.msc_process_connection(one, b"203.0.113.7", 40000, b"203.0.113.1", 80)
            address = "/search?q=" + quote(text.encode("utf-8", "surrogatepass"), safe="")
            lib.msc_process_uri(one, address.encode(), b"GET", b"1.1")
            for name, value in _HEADERS.items():
                lib.msc_add_request_header(one, name.encode(), value.encode())
            lib.msc_process_request_headers(one)
            lib.msc_process_request_body(one)
            answer = _Intervention(200, 0, None, None, 0)
            return bool(lib.msc_intervention(one, ctypes.byref(answer)) and answer.disruptive)
        finally:
            lib.msc_transaction_cleanup(one)


def main() -> None:
    """Judge the texts of standard input."""
    rules = _Rules(int(sys.argv[1]))
    started = time.process_time()
    for line in sys.stdin:
        print(int(rules.blocks(json.loads(line))), flush=False)
    print(time.process_time() - started)


if __name__ == "__main__":
    main()
