"""All addresses of the site; each room brings its own."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from chengheng.project import health
from chengheng.project.api import api

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/v1/", api.urls),
    path("people/", include("chengheng.common.people.urls")),
    path("flow/", include("chengheng.common.flow.urls")),
    path("calendar/", include("chengheng.common.calendars.urls")),
    *(path(f"{room}/", include(f"chengheng.common.{room}.urls")) for room in ("places", "files", "notices")),
    *(path(f"{room}/", include(f"chengheng.{room}.urls")) for room in [*settings.SYSTEMS, "performance"]),
    path("", include("chengheng.common.ui.urls")),
    path("", include("chengheng.portal.urls")),
]
