"""All addresses of the site; each room brings its own."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from chengheng.project import health
from chengheng.project.api import api

# Rooms of the common floor that have pages: prefix → room
COMMON = {
    "calendar": "calendars", "files": "files", "flow": "flow", "intake": "intake", "jobs": "jobs", "list": "tables",
    "notices": "notices", "people": "people", "places": "places",
}  # fmt: skip

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/v1/", api.urls),
    *(path(f"{prefix}/", include(f"chengheng.common.{room}.urls")) for prefix, room in COMMON.items()),
    *(path(f"{room}/", include(f"chengheng.{room}.urls")) for room in [*settings.SYSTEMS, "performance"]),
    path("m/clean/", include("chengheng.cleanliness.phone_urls")),
    path("m/rounds/", include("chengheng.maintenance.phone_urls")),
    path("m/", include("chengheng.patrol.phone_urls")),
    path("open311/v2/", include("chengheng.patrol.open311_urls")),
    path("", include("chengheng.common.ui.urls")),
    path("", include("chengheng.portal.urls")),
]
