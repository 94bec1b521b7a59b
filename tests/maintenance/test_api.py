"""Alerts of other systems come in by webhook with a token; strangers get nothing."""

from __future__ import annotations

import pytest

from chengheng.maintenance.models import Device, Fault
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
    post(place.desk, ALERTS, firing("resolved", device=place.device.code))
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
