"""Alerts of other systems come in by webhook with a token; strangers get nothing."""

from __future__ import annotations

import pytest

from chengheng.maintenance import actions
from chengheng.maintenance.models import AlertSource, Device, Fault, Span
from tests import access

ALERTS = "/api/v1/maintenance/alerts/prometheus"


@pytest.fixture
def post(client):
    def send(user, url, body):
        access.sign_in(client, user)
        return client.post(url, body, content_type="application/json")

    return send


def firing(status="firing", **labels):
    return {
        "version": "4",
        "alerts": [{"status": status, "labels": {"alertname": "Down", **labels}, "annotations": {}}],
    }


def test_alertmanager_raises_one_fault_and_ends_it(place, post):
    Device.objects.filter(pk=place.device.pk).update(address="192.0.2.7")
    body = firing(instance="192.0.2.7:9100")
    assert post(place.desk, ALERTS, body).json() == {"taken": 1, "unknown": []}
    post(place.desk, ALERTS, body)
    fault = Fault.objects.get()
    assert (fault.source, fault.title, fault.reports) == ("system", "Down", 1)
    assert post(place.desk, ALERTS, firing(device="nobody")).json()["unknown"] == ["Down"]
    post(place.desk, ALERTS, firing("resolved", instance="192.0.2.7:9100"))
    fault.refresh_from_db()
    assert fault.state == "fixed"
    assert post(place.desk, ALERTS, {"alerts": [{"status": "odd"}]}).status_code == 422


def test_zabbix_and_reports_by_machine(place, post, client):
    body = {"host": "D1", "value": 1, "name": "Unreachable"}
    assert post(place.desk, "/api/v1/maintenance/alerts/zabbix", body).json()["taken"] == 1
    made = post(place.desk, "/api/v1/maintenance/faults", {"device": "D1", "title": "also seen"}).json()
    assert (made["new"], made["device"], made["state"]) == (False, "D1", "reported")
    assert client.get("/api/v1/maintenance/devices/D1/state").json()["state"] == "down"
    assert [row["number"] for row in client.get("/api/v1/maintenance/faults?open_only=true").json()]
    assert len(client.get("/api/v1/maintenance/devices").json()) == 3


def test_another_vendor_gets_nothing(place, post, client):
    assert post(place.stranger, ALERTS, firing(device="D0")).json() == {"taken": 0, "unknown": ["Down"]}
    assert client.get("/api/v1/maintenance/devices").json() == []
    assert client.get("/api/v1/maintenance/devices/D0/state").status_code == 404
    assert not Fault.objects.exists()


# Signed, without a token


def signed(client, source, secret, body, stamp=None, **headers):
    import json
    import time

    from chengheng.common.notices.rules import sign_own

    raw = json.dumps(body).encode()
    stamp = int(time.time()) if stamp is None else stamp
    said = {"X-Chengheng-Timestamp": str(stamp), "X-Chengheng-Signature": sign_own(secret, stamp, raw)} | headers
    return client.post(f"/api/v1/maintenance/hooks/{source}", raw, content_type="application/json", headers=said)


def test_a_signed_webhook_is_taken_and_nothing_else(place, client):
    source, secret = actions.add_source(place.manager, code="prom", name="Prometheus", kind="prometheus")
    assert secret not in source.sealed_secret
    assert signed(client, "prom", secret, firing(device="D0")).json() == {"taken": 1, "unknown": []}
    assert Fault.objects.get().device == place.device
    refused = [
        signed(client, "prom", "wrong", firing("resolved", device="D0")),
        signed(client, "prom", secret, firing("resolved", device="D0"), stamp=1_000_000_000),
        signed(client, "nobody", secret, firing("resolved", device="D0")),
        signed(client, "prom", secret, firing("resolved", device="D0"), **{"X-Chengheng-Signature": "v1=é"}),
        client.post("/api/v1/maintenance/hooks/prom", firing("resolved", device="D0"), content_type="application/json"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert Fault.objects.get().state == "reported"
    assert signed(client, "prom", secret, {"alerts": [{"status": "odd"}]}).status_code == 422
    assert signed(client, "prom", secret, firing(device="none")).json()["unknown"] == ["Down"]
    source.refresh_from_db()
    assert (source.taken, source.unknown) == (1, ["Down"])
    fresh = actions.renew_source(source, place.manager)
    assert signed(client, "prom", secret, firing("resolved", device="D0")).status_code == 403
    assert signed(client, "prom", fresh, firing("resolved", device="D0")).status_code == 200
    assert Fault.objects.get().state == "fixed"
    actions.switch_source(source, place.manager, active=False)
    assert signed(client, "prom", fresh, firing(device="D0")).status_code == 403


def test_two_alerts_of_a_device_are_one_fault_until_both_are_over(place, client):
    _source, secret = actions.add_source(place.manager, code="zbx", name="Zabbix", kind="zabbix")

    def send(value, trigger, severity=5):
        body = {"host": "D1", "value": value, "name": f"trigger {trigger}", "trigger": trigger, "severity": severity}
        return signed(client, "zbx", secret, body).json()["taken"]

    assert [send(1, "1"), send(1, "2"), send(0, "1")] == [1, 1, 1]
    assert Fault.objects.get().state == "reported"
    send(0, "2")
    assert Fault.objects.get().state == "fixed"
    before = Span.objects.count()
    send(1, "3", severity=2)
    assert Span.objects.count() == before, "a warning is no outage"


def test_the_manager_sets_up_sources_and_the_secret_is_shown_once(place, client):
    access.sign_in(client, place.manager)
    page = client.post("/maintenance/sources/", {"name": "P", "code": "p", "kind": "prometheus"})
    source = AlertSource.objects.get()
    assert source.secret in page.content.decode()
    assert page["Cache-Control"] == "no-store"
    assert source.secret not in client.get("/maintenance/sources/").content.decode()
    old = source.secret
    client.post(f"/maintenance/sources/{source.pk}/", {"do": "renew"})
    source.refresh_from_db()
    assert source.secret != old
    assert client.post(f"/maintenance/sources/{source.pk}/", {"do": "off"}).status_code == 302
    access.sign_in(client, place.engineer)
    assert client.get("/maintenance/sources/").status_code == 403
