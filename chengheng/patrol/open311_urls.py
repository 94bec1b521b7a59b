"""Addresses of GeoReport v2: the format is the ending."""

from django.urls import path, re_path

from chengheng.patrol import open311

app_name = "open311"
_FORM = r"\.(?P<form>[a-z]{1,8})$"
urlpatterns = [
    path("services.<slug:form>", open311.services, name="services"),
    re_path(rf"^services/(?P<code>[a-z]+-[0-9A-Za-z]+){_FORM}", open311.service, name="service"),
    path("requests.<slug:form>", open311.requests, name="requests"),
    re_path(rf"^requests/(?P<number>[0-9-]+){_FORM}", open311.one_request, name="request"),
    re_path(rf"^tokens/(?P<number>[0-9-]+){_FORM}", open311.token, name="token"),
]
