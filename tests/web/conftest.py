"""The drawing page, served and opened in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import browser, served


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A served page."""
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless browser."""
    with browser() as chromium:
        yield chromium


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """A freshly opened page; a message on its console or a request to another server fails the test."""
    context = chromium.new_context(viewport={"width": 1100, "height": 800})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(address) else said.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert [line for line in said if not re.match(r"data:|blob:|.* status of 422 ", line)] == []
