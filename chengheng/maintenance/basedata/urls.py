from django.urls import path

from chengheng.common import tables
from chengheng.maintenance.basedata import views
from chengheng.maintenance.basedata.tables import CensusTable, ChangeSetTable, ItemTable

urlpatterns = [
    path("", views.overview, name="base"),
    path("features/", tables.view(ItemTable), name="base_items"),
    path("sets/", tables.view(ChangeSetTable), name="base_sets"),
    path("sets/new/", views.set_new, name="base_new"),
    path("sets/<int:pk>/", views.change_set, name="base_set"),
    path("sets/<int:pk>/reading/", views.reading, name="base_reading"),
    path("sets/<int:pk>/feature/", views.feature, name="base_feature"),
    path("sets/<int:pk>/check", views.check, name="base_check"),
    path("sets/<int:pk>/changes.geojson", views.changes_map, name="base_changes_map"),
    path("sets/<int:pk>/moves.geojson", views.moves_map, name="base_moves_map"),
    path("sets/<int:pk>/problems.geojson", views.problems_map, name="base_problems_map"),
    path("census/", tables.view(CensusTable), name="base_censuses"),
    path("census/new/", views.census_new, name="base_census_new"),
    path("census/<int:pk>/", views.census, name="base_census"),
    path("census/<int:pk>/finish", views.census_finish, name="base_census_finish"),
    path("census/<int:pk>/new/", views.sighting, name="base_sighting_new"),
    path("census/<int:pk>/<str:code>/", views.sighting, name="base_sighting"),
    path("<slug:kind>/", views.kind, name="base_kind"),
    path("<slug:kind>/items.geojson", views.items_map, name="base_items_map"),
    path("<slug:kind>/back", views.go_back, name="base_back"),
    path("<slug:kind>/<str:code>/", views.item, name="base_item"),
]
