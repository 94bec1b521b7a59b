from django.urls import path

from chengheng.common import tables
from chengheng.patrol import views
from chengheng.patrol.tables import CaseTable, DictionaryTable, ShiftTable, StandardTable, TaskTable

app_name = "patrol"
urlpatterns = [
    path("cases/", tables.view(CaseTable), name="cases"),
    path("cases/<int:pk>/", views.case, name="case"),
    path("tasks/", tables.view(TaskTable), name="tasks"),
    path("shifts/", tables.view(ShiftTable), name="shifts"),
    path("dictionary/", tables.view(DictionaryTable), name="dictionary"),
    path("standards/", tables.view(StandardTable), name="standards"),
]
