from django.urls import path

from chengheng.common.intake import views

app_name = "intake"
urlpatterns = [
    path("", views.index, name="index"),
    path("batch/", views.batches, name="batches"),
    path("batch/<int:pk>/", views.batch, name="batch"),
    path("batch/<int:pk>/match/", views.match, name="match"),
    path("batch/<int:pk>/check/", views.check, name="check"),
    path("batch/<int:pk>/commit/", views.commit, name="commit"),
    path("batch/<int:pk>/undo/", views.undo, name="undo"),
    path("batch/<int:pk>/file/", views.file, name="file"),
    path("<str:code>/", views.upload, name="upload"),
    path("<str:code>/template/", views.template, name="template"),
]
