"""The welcome page in a real browser, as a person uses it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, WebSocketRoute, expect

from local.home import CHECKOUT
from tests import browser as chromium
from tests.integration.welcome_page import FETCH, Visit, connections, foreign_site, management, visiting
from tests.pictures import encoded, gradient
from tests.stack import Stack

SCREENSHOTS = CHECKOUT / "build" / "screenshots"
CANDLES = "Beeswax Candles, Set of Six"

pytestmark = pytest.mark.timeout(600)  # a browser that is missing is installed first


@pytest.fixture(scope="module")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """One Chromium for all tests."""
    try:
        with chromium.opened(chromium.executable(lambda text: say(pytestconfig, text))) as running:
            yield running
    except chromium.NoBrowser as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture
def visit(browser: Browser, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """The page, just opened. At the end there is a screenshot, and nothing went wrong in the browser."""
    with visiting(browser, stack) as visit:
        yield visit
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        visit.page.screenshot(path=SCREENSHOTS / f"{request.node.name.removeprefix('test_')}.png", full_page=True)
        assert visit.errors == []
        bucket = stack.stacks.parameter("media/bucket-name")
        assert visit.outside(stack.emulator + "/" + bucket) == []


def test_order_is_confirmed_before_the_eyes_of_its_buyer(visit: Visit) -> None:
    visit.sign_in("Bea Buyer")
    visit.page.evaluate("window.isTheSamePage = true")
    visit.search("beeswax candels")

    with visit.page.expect_response("**/api/orders") as answer:
        visit.card(CANDLES).get_by_role("button").click()
    order = answer.value.json()

    expect(visit.page.locator("#ordered")).to_contain_text(f"Ordered {CANDLES}")
    confirmed = visit.events.filter(has_text="order.confirmed").filter(has_text=order["id"][-12:])
    expect(confirmed).to_have_count(1)
    assert visit.page.evaluate("window.isTheSamePage")
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.value.request.headers["idempotency-key"])


def test_question_streams_in_and_names_a_product_that_exists(visit: Visit, stack: Stack) -> None:
    visit.sign_in("Bea Buyer")

    visit.ask("Which candles do you have?")

    answer = visit.page.locator("#talk .answer")
    expect(answer).to_have_attribute("aria-busy", "false")
    assert int(answer.get_attribute("data-deltas") or 0) >= 5
    source = answer.locator("a").first
    product = stack.http.get(f"/products/{(source.get_attribute('href') or '').removeprefix('#product-')}").json()
    assert product["name"] == source.inner_text()
    assert product["name"] in answer.locator("p").inner_text()
    source.click()
    expect(visit.card(product["name"])).to_be_in_viewport()


def test_answer_can_be_stopped(visit: Visit) -> None:
    visit.sign_in("Mo Moderator")

    visit.ask("Which mugs do you have? Tell me all about them.")
    answer = visit.page.locator("#talk .answer")
    expect(answer).to_have_attribute("data-deltas", re.compile(r"\d+"))
    visit.page.get_by_role("button", name="Stop").click()

    expect(answer).to_have_attribute("aria-busy", "false")
    expect(answer).to_contain_text("stopped")
    expect(visit.page.get_by_role("button", name="Ask")).to_be_enabled()


def test_picture_is_published_and_its_thumbnail_shown(visit: Visit, tmp_path: Path) -> None:
    visit.sign_in("Sam Seller")
    visit.search("candles")

    visit.upload(CANDLES, a_file(tmp_path, encoded(gradient(900, 600), "PNG")))

    expect(visit.page.locator("#uploaded")).to_have_text("Published, 900 by 600 pixels.")
    for shown in (visit.page.locator("#figure img"), visit.card(CANDLES).locator("img")):
        expect(shown).to_have_js_property("complete", value=True)
        assert shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [320, 213]
    visit.page.reload()
    visit.search("candles")
    expect(visit.card(CANDLES).locator("img")).to_be_visible()


def test_file_that_is_no_picture_is_refused_with_its_reason(visit: Visit, tmp_path: Path) -> None:
    visit.sign_in("Sam Seller")

    visit.upload(CANDLES, a_file(tmp_path, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"))

    expect(visit.page.locator("#uploaded")).to_contain_text("Refused: The file is not PNG")
    expect(visit.page.locator("#figure img")).to_have_count(0)


def test_preferences_are_stored(visit: Visit, stack: Stack) -> None:
    visit.sign_in("Mo Moderator")
    email, push = (visit.page.get_by_label(name) for name in ("E-mail about", "Push notifications"))
    expect(email).to_be_checked()

    visit.page.evaluate("document.querySelectorAll('#notifications input').forEach(box => box.click())")

    expect(visit.page.locator("#stored")).to_have_text("Stored.")
    profile = stack.http.get("/me", headers=stack.bearer("moderator@example.com")).json()
    assert profile["notifications"] == {"email": False, "push": False}
    visit.page.reload()
    visit.sign_in("Mo Moderator")
    for box in (email, push):
        expect(box).not_to_be_checked()
        box.check()
        expect(visit.page.locator("#stored")).to_have_text("Stored.")


def test_emails_lead_to_the_preferences(visit: Visit, stack: Stack) -> None:
    visit.page.goto(stack.stacks.parameter("mail/preferences-url"))

    expect(visit.page.locator("#preferences")).to_be_in_viewport()


def test_visitor_is_told_to_sign_in_first(visit: Visit) -> None:
    visit.search("candles")

    visit.card(CANDLES).get_by_role("button").click()

    expect(visit.page.get_by_role("alert")).to_contain_text("Sign in first")
    assert visit.page.get_by_role("button", name="Upload").is_disabled()


def test_lost_connection_is_replaced_with_a_new_ticket(visit: Visit, stack: Stack) -> None:
    visit.sign_in("Ada Admin")
    before = connections(stack, "admin@example.com")

    with visit.page.expect_websocket():
        for connection in before:
            management(stack).delete_connection(ConnectionId=connection)

    expect(visit.live).to_have_text("live")
    (now,) = connections(stack, "admin@example.com") - before
    for _ in range(2):
        management(stack).post_to_connection(ConnectionId=now, Data=json.dumps(an_event("order.shipped")))
    management(stack).post_to_connection(ConnectionId=now, Data=json.dumps(an_event("order.cancelled", uuid4().hex)))
    expect(visit.events.filter(has_text="order.cancelled")).to_have_count(1)
    expect(visit.events.filter(has_text="order.shipped")).to_have_count(1)
    assert len({urlsplit(socket).query for socket in visit.sockets}) == 2


def test_what_the_model_says_is_text_and_no_frame_counts_twice(browser: Browser, stack: Stack) -> None:
    markup = "<img src=x onerror=alert(1)><b>bold</b>"
    answers = [
        [a_delta("1", 1, markup), a_delta("1", 1, markup), a_delta("1", 2, markup), an_end("1")],
        [an_end("1"), a_delta("2", 1, "Another one."), an_end("2")],
    ]

    def reply(socket: WebSocketRoute, message: str | bytes) -> None:
        if json.loads(message)["action"] == "ask":
            for frame in answers.pop(0):
                socket.send(json.dumps(frame))

    with visiting(browser, stack, lambda socket: socket.on_message(lambda message: reply(socket, message))) as visit:
        visit.sign_in("Bea Buyer")
        for number, text in enumerate((markup * 2, "Another one.")):
            visit.ask("<b>Who?</b>")
            answer = visit.page.locator("#talk .answer").nth(number)
            expect(answer).to_have_attribute("aria-busy", "false")
            assert answer.locator("p").inner_text() == text
            assert answer.locator("small").inner_text() == "<i>That was all.</i>"

        assert visit.page.locator("#talk").locator("img, b, i").count() == 0
        assert visit.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_page_fits_its_window(browser: Browser, stack: Stack, scheme: Any, width: int) -> None:
    with visiting(browser, stack, color_scheme=scheme, viewport={"width": width, "height": 800}) as visit:
        visit.sign_in("Sam Seller")

        assert visit.page.evaluate("document.documentElement.scrollWidth") == width
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        visit.page.screenshot(path=SCREENSHOTS / f"{scheme}_{width}.png")
        assert visit.errors == []


def test_every_control_has_a_name(visit: Visit) -> None:
    visit.sign_in("Sam Seller")

    for control in visit.page.locator("button, input, select").all():
        name = control.evaluate("e => e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim() || ''")
        assert name, control.evaluate("e => e.outerHTML")


def test_page_of_another_origin_cannot_sign_in(browser: Browser, stack: Stack) -> None:
    with foreign_site() as site:
        page = browser.new_page()
        page.goto(site)
        for host in ("localhost", "127.0.0.1"):
            url = f"http://{host}:{stack.settings.ports.front_door}/demo/sign-in"
            body = {"method": "POST", "body": json.dumps({"email": "admin@example.com"})}
            assert page.evaluate(FETCH, [url, body]) == "TypeError: Failed to fetch"
            assert page.evaluate(FETCH, [url, {**body, "mode": "no-cors"}]) == ""
        page.close()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://rebound.example.com", "Host": "rebound.example.com"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
    ],
)
def test_others_cannot_sign_in_as_the_page_does(stack: Stack, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{stack.url}/demo/sign-in", json={"email": "admin@example.com"}, headers=headers, timeout=60)

    assert answer.status_code == 403
    assert answer.json()["detail"] == "Only the welcome page on this machine signs people in."


def test_page_moves_to_the_name_that_sockets_are_served_under(browser: Browser, stack: Stack) -> None:
    page = browser.new_page()
    page.goto(stack.url)

    assert page.url == f"http://localhost:{stack.settings.ports.front_door}/"
    page.close()


def say(config: pytest.Config, text: str) -> None:
    """Tell it in the terminal at once, although output is captured."""
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{text}", flush=True)  # noqa: T201


def a_file(folder: Path, content: bytes) -> Path:
    """A file that calls itself a PNG."""
    path = folder / "picture.png"
    path.write_bytes(content)
    return path


def a_delta(answer_id: str, number: int, text: str) -> dict[str, Any]:
    return {"type": "assistant.delta", "answer_id": answer_id, "sequence": number, "text": text}


def an_end(answer_id: str) -> dict[str, Any]:
    detail = "<i>That was all.</i>"
    return {"type": "assistant.failed", "answer_id": answer_id, "sequence": 9, "reason": "x", "detail": detail}


def an_event(kind: str, event_id: str = "0") -> dict[str, Any]:
    order = {"id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5", "total": {"amount": 100, "currency": "EUR"}}
    return {"type": kind, "id": event_id, "occurred_at": "2026-01-31T12:00:00Z", "data": order}
