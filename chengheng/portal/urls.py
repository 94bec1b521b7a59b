from django.urls import path

from chengheng.portal import views

app_name = "portal"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/badge/", views.inbox_badge, name="inbox_badge"),
    path("map/", views.city_map, name="map"),
    path("search/", views.search, name="search"),
    path("wall/", views.wall, name="wall"),
]
