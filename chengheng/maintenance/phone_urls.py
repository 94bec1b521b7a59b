from django.urls import path

from chengheng.maintenance import phone

app_name = "maintenance_phone"
urlpatterns = [
    path("", phone.page, name="page"),
    path("sw.js", phone.worker, name="worker"),
    path("files.json", phone.files, name="files"),
    path("manifest.webmanifest", phone.manifest, name="manifest"),
]
