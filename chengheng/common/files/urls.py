from django.urls import path

from chengheng.common.files import views

app_name = "files"
urlpatterns = [
    path("<int:pk>/", views.content, name="content"),
    path("<int:pk>/thumbnail", views.thumbnail, name="thumbnail"),
    path("<int:pk>/pages/<int:number>", views.page_picture, name="page"),
    path("link/<str:token>", views.linked, name="linked"),
    path("on/<str:subject_type>/<str:subject_id>/", views.upload, name="upload"),
    path("retention/", views.retention, name="retention"),
]
