from django.urls import path

from chengheng.common.calendars import views

app_name = "calendars"
urlpatterns = [
    path("", views.year, name="year"),
    path("refresh", views.refresh, name="refresh"),
    path("day", views.set_day, name="set_day"),
    path("day/<int:pk>/withdraw", views.withdraw_day, name="withdraw_day"),
    path("hours", views.set_hours, name="set_hours"),
]
