"""The peers of the guard: libinjection after the same decoding, and a list of expressions as many sites use one."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence

from benchmarks.peers import peer_python
from shopr.security.canonical import views

__all__ = ["expressions", "libinjection"]

EXPRESSIONS = re.compile(
    r"(\%27)|(\')|(\-\-)|(\%23)|(#)|\bunion\b.*\bselect\b|\bselect\b.*\bfrom\b|\binsert\b.*\binto\b|\bdrop\b\s+\btable\b|"
    r"\bor\b\s+\d+\s*=\s*\d+|<script|javascript:|on\w+\s*=|<iframe|\.\./|/etc/passwd|;\s*(ls|cat|rm|wget|curl)\b|\$\{|\{\{",
    re.IGNORECASE,
)
"""What a widely copied answer recommends, with the usual additions."""

_CHILD = """
import json, sys
import libinjection
for line in sys.stdin:
    found = False
    for text in json.loads(line):
        data = text.encode("utf-8", "replace")
        try:
            if libinjection.is_sql_injection(text).get("is_sqli") or libinjection.is_xss(text).get("is_xss"):
                found = True
        except Exception:
            pass
    print(int(found))
"""


def expressions(texts: Sequence[str]) -> list[str]:
    """The list's decisions: it knows no flag."""
    return ["block" if EXPRESSIONS.search(text) else "allow" for text in texts]


def libinjection(texts: Sequence[str]) -> list[str] | None:
    """libinjection's decisions on every decoded view of the texts; None where its binding cannot be installed."""
    try:
        python = peer_python("security", ["libinjection-python==1.1.6"])
    except SystemExit:
        return None
    lines = "\n".join(json.dumps([view.text for view in views(text)]) for text in texts)
    done = subprocess.run([str(python), "-c", _CHILD], input=lines, capture_output=True, text=True, check=False)
    answers = done.stdout.split()
    if done.returncode or len(answers) != len(texts):
        return None
    return ["block" if answer == "1" else "allow" for answer in answers]
