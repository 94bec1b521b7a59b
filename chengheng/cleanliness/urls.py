from django.urls import URLPattern

app_name = "cleanliness"
urlpatterns: list[URLPattern] = []
