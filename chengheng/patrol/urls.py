from django.urls import path

from chengheng.common import tables
from chengheng.patrol.tables import CaseTable, DictionaryTable, ShiftTable, StandardTable, TaskTable
from chengheng.patrol.views import cases, figures, hooks, inspections, rewards, standards

app_name = "patrol"
urlpatterns = [
    path("queue/", cases.queue, name="queue"),
    path("queue/next/", cases.next_case, name="next"),
    path("receive/", cases.receive, name="receive"),
    path("receive/classes/", cases.classes, name="classes"),
    path("receive/alike/", cases.alike, name="alike"),
    path("cases.geojson", cases.cases_geojson, name="cases_geojson"),
    path("cases/", tables.view(CaseTable), name="cases"),
    path("cases/<int:pk>/", cases.case, name="case"),
    path("statistics/", figures.show_statistics, name="statistics"),
    path("statistics/cases/", figures.counted, name="counted"),
    path("bulletins/", rewards.list_bulletins, name="bulletins"),
    path("bulletins/<int:pk>/", rewards.bulletin, name="bulletin"),
    path("bulletins/<int:pk>/bulletin.<slug:form>", rewards.bulletin_file, name="bulletin_file"),
    path("allocations/", rewards.allocations, name="allocations"),
    path("allocations/<int:pk>/", rewards.allocation, name="allocation"),
    path("allocations/what-if/", rewards.what_if, name="what_if"),
    path("re-inspections/", inspections.samplings, name="samplings"),
    path("re-inspections/<int:pk>/", inspections.sampling, name="sampling"),
    path("re-inspections/areas/<int:pk>/", inspections.visit, name="visit"),
    path("re-inspections/findings/<int:pk>/", inspections.decide, name="decide"),
    path("boundaries/", inspections.boundaries, name="boundaries"),
    path("tasks/", tables.view(TaskTable), name="tasks"),
    path("shifts/", tables.view(ShiftTable), name="shifts"),
    path("dictionary/", tables.view(DictionaryTable), name="dictionary"),
    path("standards/", standards.standards, name="standards"),
    path("standards/<int:pk>/", standards.version, name="standard"),
    path("standards/conditions/", tables.view(StandardTable), name="standard_rows"),
    path("hooks/", hooks.hooks, name="hooks"),
    path("hooks/<int:pk>/", hooks.hook, name="hook"),
    path("hooks/<int:pk>/retry/", hooks.retry, name="hook_retry"),
    path("hooks/<int:pk>/renew/", hooks.renew, name="hook_renew"),
    path("hooks/<int:pk>/remove/", hooks.remove, name="hook_remove"),
]
