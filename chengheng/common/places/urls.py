from django.urls import path

from chengheng.common.places import views

app_name = "places"
urlpatterns = [
    path("", views.area, name="areas_tree"),
    path("districts.geojson", views.districts, name="districts"),
    path("areas.geojson", views.areas, name="areas"),
    path("locate", views.locate, name="locate"),
    path("search.json", views.search, name="search"),
    path("area/<str:code>/", views.area, name="area"),
    path("layers/", views.layers, name="layers"),
    path("layers/import/", views.import_layer, name="import_layer"),
    path("layers/<int:pk>/", views.layer, name="layer"),
    path("layers/<int:pk>/shapes.geojson", views.layer_shapes, name="layer_shapes"),
    path("layers/<int:pk>/publish", views.publish, name="publish"),
    path("layers/<int:pk>/discard", views.discard, name="discard"),
]
