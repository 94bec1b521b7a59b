from django.urls import path

from chengheng.common import tables
from chengheng.patrol.tables import CaseTable, DictionaryTable, ShiftTable, StandardTable, TaskTable
from chengheng.patrol.views import cases

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
    path("tasks/", tables.view(TaskTable), name="tasks"),
    path("shifts/", tables.view(ShiftTable), name="shifts"),
    path("dictionary/", tables.view(DictionaryTable), name="dictionary"),
    path("standards/", tables.view(StandardTable), name="standards"),
]
