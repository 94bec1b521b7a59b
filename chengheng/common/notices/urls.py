from django.urls import path

from chengheng.common.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.index, name="index"),
    path("bell", views.bell, name="bell"),
    path("unread", views.unread, name="unread"),
    path("latest", views.latest, name="latest"),
    path("read", views.mark_all, name="mark_all"),
    path("<int:pk>/", views.open_notice, name="open"),
    path("<int:pk>/read", views.mark_read, name="mark_read"),
    path("preferences/", views.preferences, name="preferences"),
    path("channels/", views.endpoints, name="endpoints"),
    path("channels/new/", views.endpoint, name="new_endpoint"),
    path("channels/<int:pk>/", views.endpoint, name="endpoint"),
    path("channels/<int:pk>/test", views.test_endpoint, name="test_endpoint"),
    path("deliveries/", views.deliveries, name="deliveries"),
    path("called/<str:token>/", views.called, name="called"),
    path("deliveries/<int:pk>/retry", views.retry, name="retry"),
]
