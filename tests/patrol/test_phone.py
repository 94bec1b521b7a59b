"""The collector's phone page in a real Chromium: offline, cut in the middle, killed, sent twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from chengheng.common import files
from chengheng.patrol import reference
from chengheng.patrol.models import Case
from tests import access, builders
from tests.patrol.conftest import HEPING, IN_HEPING

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def at_work(phone, live_server, client, settings, tmp_path):
    """The phone page of a collector in Heping, its service worker ready."""

    settings.FILE_STORE = tmp_path / "files"
    reference.load()
    collector = builders.holder("patrol.collector", builders.organisation("Heping"), HEPING, "collector")
    access.let_in(phone, live_server.url, client, collector)
    phone.context.grant_permissions(["geolocation"], origin=live_server.url)
    phone.context.set_geolocation({"longitude": IN_HEPING[0], "latitude": IN_HEPING[1], "accuracy": 6})
    phone.goto(f"{live_server.url}/m/")
    expect(phone.locator("#classes button").first).to_be_visible()
    phone.evaluate("async () => { await navigator.serviceWorker.ready }")
    phone.reload()  # now under the service worker
    expect(phone.locator("#place")).to_contain_text("±6")
    return phone


def fill(phone, words="暴露垃圾", photo: Path | None = None):
    phone.locator("#class-search").fill(words)
    phone.locator("#classes button").first.click()
    if photo:
        phone.locator("input[name=before]").set_input_files(photo)
        expect(phone.locator("#photos img")).to_have_count(1)
    phone.locator("#description").fill("by the gate")
    phone.get_by_role("button", name="上报").last.scroll_into_view_if_needed()
    phone.locator("#report button.primary").click()


def waiting(phone, state):
    phone.locator("[data-tab=queue]").click()
    return phone.locator(f"#queue li[data-state={state}]")


def jpeg(folder: Path, when="2024:05:13 09:30:00") -> Path:
    exif = Image.Exif()
    exif[0x0112], exif[0x9003] = 6, when
    path = folder / "before.jpg"
    Image.effect_noise((2400, 1200), 40).convert("RGB").save(path, "JPEG", exif=exif)
    return path


def test_a_shift_without_network_is_sent_when_it_is_back(at_work, tmp_path):
    at_work.context.set_offline(True)
    at_work.reload()  # the page itself comes from the phone
    expect(at_work.locator("#place")).to_contain_text("±6")
    fill(at_work, photo=jpeg(tmp_path))
    expect(waiting(at_work, "waiting")).to_have_count(1)
    assert not Case.objects.exists()
    at_work.faults.clear()  # the browser reports each request that found no network

    at_work.context.set_offline(False)
    expect(waiting(at_work, "sent")).to_have_count(1, timeout=40_000)
    case = Case.objects.get()
    assert (case.class_name, case.district_code, case.description) == ("暴露垃圾", HEPING, "by the gate")
    kept = files.of(case).get().file
    assert max(kept.width, kept.height) == 1600, "compressed on the phone"
    picture = Image.open(kept.path)
    assert picture.getexif().get(0x0112) == 1
    assert picture.height > picture.width, "upright by the camera's orientation"


def test_an_answer_lost_in_the_middle_makes_one_case(at_work, live_server):
    lost = []

    def lose(route):
        lost.append(route.fetch())  # the centre has it …
        route.abort()  # … and the phone never hears so

    at_work.context.route("**/api/v1/patrol/cases", lose)
    with at_work.expect_event("requestfailed"):
        fill(at_work)
    expect(waiting(at_work, "waiting")).to_have_count(1)
    assert lost
    assert Case.objects.count() == 1
    at_work.context.unroute("**/api/v1/patrol/cases")
    at_work.faults.clear()
    at_work.evaluate("dispatchEvent(new Event('online'))")
    expect(waiting(at_work, "sent")).to_have_count(1)
    assert Case.objects.count() == 1


def test_a_killed_page_loses_nothing_that_it_said_it_kept(at_work, live_server):
    at_work.context.set_offline(True)
    fill(at_work)
    expect(at_work.locator("#say")).to_contain_text("已保存")
    other = at_work.context.new_page()
    at_work.close(run_before_unload=False)
    at_work.context.set_offline(False)
    other.goto(f"{live_server.url}/m/")
    other.locator("[data-tab=queue]").click()
    expect(other.locator("#queue li[data-state=sent]")).to_have_count(1, timeout=40_000)
    assert Case.objects.count() == 1
    at_work.faults.clear()


def test_a_phone_with_a_wrong_clock_is_doubted_not_refused(at_work):
    at_work.evaluate(
        "() => { const t = Date.now; Date.now = () => t() - 864e5; const D = Date; window.Date = class extends D { constructor(...a) { a.length ? super(...a) : super(t() - 864e5) } static now() { return t() - 864e5 } } }"
    )
    fill(at_work)
    expect(waiting(at_work, "sent")).to_have_count(1)
    assert Case.objects.get().doubts == ["clock"]


def test_full_storage_is_said_and_the_form_stays(at_work):
    at_work.evaluate(
        "() => { IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError') } }"
    )
    fill(at_work)
    expect(at_work.locator("#say")).to_contain_text("存储")
    assert at_work.locator("#description").input_value() == "by the gate"
    assert not Case.objects.exists()


def test_what_the_centre_refuses_is_shown_with_its_reason(at_work):
    at_work.context.set_geolocation({"longitude": 121.47, "latitude": 31.23, "accuracy": 6})
    expect(at_work.locator("#place")).to_contain_text("121.47")
    fill(at_work)
    expect(waiting(at_work, "refused")).to_have_count(1)
    at_work.faults.clear()
    assert not Case.objects.exists()
