from django.urls import path

from chengheng.cleanliness import views
from chengheng.cleanliness.tables import CheckTable, RoadTable
from chengheng.common import tables

app_name = "cleanliness"
urlpatterns = [
    path("roads/", tables.view(RoadTable), name="roads"),
    path("roads/map/", views.road_map, name="road_map"),
    path("roads.geojson", views.roads_geojson, name="roads_geojson"),
    path("roads/new/", views.add_road, name="add_road"),
    path("roads/<int:pk>/", views.road, name="road"),
    path("rules/", views.rules, name="rules"),
    path("rules/<int:pk>/adopt/", views.adopt_rules, name="adopt_rules"),
    path("plans/", views.plans, name="plans"),
    path("plans/year/<int:year>/", views.coverage, name="coverage"),
    path("plans/<int:pk>/", views.plan, name="plan"),
    path("plans/<int:pk>/route/", views.route_plan, name="route_plan"),
    path("plans/<int:pk>/seal/", views.seal_plan, name="seal_plan"),
    path("plans/<int:pk>/days/<slug:day>/", views.replan_day, name="replan_day"),
    path("items/<int:pk>/move/", views.move_item, name="move_item"),
    path("day/", views.my_day, name="my_day"),
    path("checks/", tables.view(CheckTable), name="checks"),
    path("checks/<int:pk>/", views.check, name="check"),
    path("checks/<int:pk>/frame/", views.decide_frame, name="decide_frame"),
    path("weighing/", views.weighing, name="weighing"),
    path("points/<int:pk>/weigh/", views.weigh, name="weigh"),
    path("points/<int:pk>/<slug:what>/", views.decide_point, name="decide_point"),
    path("scales/", views.scales, name="scales"),
    path("scales/<int:pk>/calibrate/", views.calibrate, name="calibrate"),
    path("results/", views.results, name="results"),
    path("what-if/", views.what_if, name="what_if"),
    path("costs/", views.enter_cost, name="enter_cost"),
    path("bulletins/", views.bulletins, name="bulletins"),
    path("bulletins/<int:month>/", views.bulletin, name="bulletin"),
    path("bulletins/<int:month>/publish/", views.publish, name="publish"),
    path("bulletins/<int:month>/public/", views.open_bulletin, name="open_bulletin"),
    path("bulletins/<int:month>/file.<slug:form>", views.bulletin_file, name="bulletin_file"),
    path("public/<int:month>/", views.public_bulletin, name="public_bulletin"),
]
