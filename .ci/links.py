"""Find dead links in the project's Markdown: files and headings that do not exist. The net is not asked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def main() -> None:
    dead = [problem for page in pages() for problem in check(page)]
    for problem in dead:
        print(problem, file=sys.stderr)
    sys.exit(bool(dead))


def pages() -> list[Path]:
    """Every Markdown file under version control, or to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if listed.returncode:  # an unpacked archive without git
        return [p for p in sorted(ROOT.rglob("*.md")) if ".venv" not in p.parts and "node_modules" not in p.parts]
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def check(page: Path) -> list[str]:
    """The dead links of one page, in words."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    text = re.sub(r"`[^`\n]*`", "", text)
    dead = []
    for found in LINK.finditer(text):
        target = found[1] or found[2]
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / unquote(name)).resolve() if name else page
        line = text.count("\n", 0, found.start()) + 1
        if not place.exists():
            dead.append(f"{page.relative_to(ROOT)}:{line}: {target} does not exist")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place):
            dead.append(f"{page.relative_to(ROOT)}:{line}: {target}: no such heading")
    return dead


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    found: dict[str, int] = {}
    out = set()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        out.add(name if name not in found else f"{name}-{found[name]}")
        found[name] = found.get(name, 0) + 1
    return out


if __name__ == "__main__":
    main()
