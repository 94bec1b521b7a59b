from django.urls import path

from chengheng.common.tables import views

app_name = "tables"
urlpatterns = [
    path("export/<int:job>/", views.fetch, name="fetch"),
    path("<str:code>/", views.generic, name="list"),
    path("<str:code>/export/", views.export, name="export"),
    path("<str:code>/layout/", views.layout, name="layout"),
    path("<str:code>/views/", views.save_view, name="save_view"),
    path("<str:code>/views/<int:pk>/delete/", views.delete_view, name="delete_view"),
    path("<str:code>/act/<str:name>/", views.act, name="act"),
]
