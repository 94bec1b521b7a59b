from django.urls import path

from chengheng.common.ui import views

app_name = "ui"
urlpatterns = [
    path("design/", views.design, name="design"),
    path("preferences/", views.choose, name="choose"),
    path("shortcuts/", views.shortcuts, name="shortcuts"),
]
