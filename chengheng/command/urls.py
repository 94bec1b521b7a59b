from django.urls import path

from chengheng.command import views
from chengheng.command.tables import (
    LinkCheckTable,
    OrderTable,
    ResourceTable,
    RunTable,
    ShiftTable,
    SiteTable,
    TargetTable,
)
from chengheng.common import tables

app_name = "command"
urlpatterns = [
    path("", views.screen, name="screen"),
    path("orders/", tables.view(OrderTable), name="orders"),
    path("orders/new/", views.order_new, name="order_new"),
    path("orders/<int:pk>/", views.order, name="order"),
    path("orders.geojson", views.orders_geojson, name="orders_geojson"),
    path("received/", tables.view(TargetTable), name="targets"),
    path("received/<int:pk>/", views.target, name="target"),
    path("plans/", views.plans, name="plans"),
    path("plans/<int:pk>/", views.plan, name="plan"),
    path("plans/levels/<int:pk>/start/", views.start, name="start"),
    path("runs/", tables.view(RunTable), name="runs"),
    path("runs/<int:pk>/", views.run, name="run"),
    path("runs/<int:pk>/end/", views.end_run, name="end_run"),
    path("runs/<int:pk>/report.docx", views.run_report, name="run_report"),
    path("sites/", tables.view(SiteTable), name="sites"),
    path("sites/new/", views.site_edit, name="site_new"),
    path("sites/round/", views.check_round, name="round"),
    path("sites/<int:pk>/", views.site, name="site"),
    path("sites/<int:pk>/change/", views.site_edit, name="site_change"),
    path("sites.geojson", views.sites_geojson, name="sites_geojson"),
    path("checks/", tables.view(LinkCheckTable), name="checks"),
    path("rota/", tables.view(ShiftTable), name="rota"),
    path("rota/new/", views.shift_new, name="shift_new"),
    path("rota/<int:pk>/", views.shift, name="shift"),
    path("resources/", tables.view(ResourceTable), name="resources"),
    path("resources/new/", views.resource_edit, name="resource_new"),
    path("resources/<int:pk>/", views.resource_edit, name="resource_change"),
    path("resources.geojson", views.resources_geojson, name="resources_geojson"),
]
