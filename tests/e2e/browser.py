"""A headless browser for the pages: the system's Chromium, with no way out of this machine."""

import os
import re
import shutil
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    *("--disable-gpu", "--enable-unsafe-swiftshader"),  # draws the picture of a run without a GPU
)
OUTSIDE = re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1[:/])")
KNOWN_OUTSIDE = {"sr-client-cfg.amplitude.com"}
"""What Prefect's page asks for by itself, whatever its settings; it needs no answer."""
PATIENCE_MS = 60_000


@contextmanager
def open_chromium():
    """Start the system's Chromium; skip the test where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on PATH; apt-get install chromium")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def open_page(chromium):
    """Open a page in Seoul's time; what it asks of the outside world is cut off.

    At the end it must have asked nobody outside but KNOWN_OUTSIDE.
    """
    outside = set()
    context = chromium.new_context(
        viewport={"width": 1400, "height": 900}, timezone_id="Asia/Seoul", locale="en-US"
    )
    context.set_default_timeout(PATIENCE_MS)

    def cut_off(route):
        outside.add(urlsplit(route.request.url).hostname)
        route.abort()

    context.route(OUTSIDE, cut_off)
    try:
        yield context.new_page()
        assert outside <= KNOWN_OUTSIDE
    finally:
        context.close()


def keep_picture(page, folder, name):
    """Keep what is seen as NAME.png, in TIDEWATCH_SCREENSHOTS where that is set."""
    place = os.environ.get("TIDEWATCH_SCREENSHOTS") or folder
    page.screenshot(path=f"{place}/{name}.png", animations="disabled")


def starting_with(words):
    """Return a pattern for a name that goes on after the words, as `Hidden (Optional)` does."""
    return re.compile(f"^{re.escape(words)}")
