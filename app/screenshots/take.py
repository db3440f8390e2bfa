"""Take the README's pictures of the app anew, on the shop in use: `python app/screenshots/take.py [NAME …]`."""

from __future__ import annotations

import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from shopr.config import Settings
from shopr.serving.streamlit_server import launch

PICTURES = [
    ("overview", "/?period=Own+dates&from=2025-12-02&to=2025-12-31", "light"),
    ("journeys", "/journeys?period=90+days", "light"),
    ("experience", "/experience?period=Own+dates&from=2025-07-01&to=2025-12-31", "dark"),
    ("for-you", "/for-you", "light"),
    ("for-you-dark", "/for-you", "dark"),
    ("profile", "/profile", "light"),
    ("experiments", "/experiments?experiment=ab_looks", "light"),
    ("chat", "/chat", "light"),
    ("store", "/store?q=wool+scarf", "dark"),
]
SAID = {"chat": ("show me scarves under 40", "put the second one in my cart")}
"""Page -> what is typed before its picture is taken."""
READY = "[data-testid=stApp][data-test-script-state=notRunning] .stHtml h1"
CUT = 1440  # pixels from the top: below them the overview names a path of this machine


def main() -> None:
    """Write one PNG a picture beside this file."""
    chromium = shutil.which("chromium")
    with launch(Settings(), 0) as server, sync_playwright() as play:
        server.wait_healthy()
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, path, scheme in PICTURES:
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            page = browser.new_page(viewport={"width": 1440, "height": CUT}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(server.address + path)
            page.wait_for_selector(READY, timeout=60_000)
            for number, message in enumerate(SAID.get(name, ()), 1):
                box = page.locator("[data-testid=stChatInputTextArea]")
                box.fill(message)
                box.press("Enter")
                page.locator(".talk .they:not(.busy)").nth(number - 1).wait_for(timeout=60_000)
                page.wait_for_selector(READY, timeout=60_000)
            page.wait_for_timeout(1500)  # charts and pictures are drawn after the script has ended
            page.evaluate("document.querySelectorAll('*').forEach(part => part.scrollTo(0, 0))")  # talks end below
            picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
            small = picture.quantize(256, method=Image.Quantize.MEDIANCUT)
            small.save(Path(__file__).with_name(f"{name}.png"), optimize=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
