from django.urls import path

from chengheng.cleanliness import phone

app_name = "cleanliness_phone"
urlpatterns = [
    path("", phone.page, name="page"),
    path("sw.js", phone.worker, name="worker"),
    path("files.json", phone.files, name="files"),
    path("manifest.webmanifest", phone.manifest, name="manifest"),
]
