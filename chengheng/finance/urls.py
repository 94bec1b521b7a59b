from django.urls import path

from chengheng.common import tables
from chengheng.finance import views
from chengheng.finance.tables import BatchTable, DoubtTable, FindingTable, LineTable, UnitTable

app_name = "finance"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("aspects/<slug:pk>/", views.aspect, name="aspect"),
    path("doubts/", tables.view(DoubtTable), name="doubts"),
    path("doubts/<int:pk>/", views.doubt, name="doubt"),
    path("doubts/<int:pk>/paper/", views.working_paper, name="working_paper"),
    path("findings/", tables.view(FindingTable), name="findings"),
    path("findings/<int:pk>/", views.finding, name="finding"),
    path("findings/<int:pk>/raise/", views.raise_doubt, name="raise"),
    path("rules/", views.rules, name="rules"),
    path("rules/<slug:code>/", views.rule, name="rule"),
    path("changes/<int:pk>/enforce/", views.decide_change, {"decision": "enforce"}, name="enforce_change"),
    path("changes/<int:pk>/withdraw/", views.decide_change, {"decision": "withdraw"}, name="withdraw_change"),
    path("units/", tables.view(UnitTable), name="units"),
    path("units/<int:pk>/", views.unit, name="unit"),
    path("units/<int:pk>/rows/<slug:kind>/", views.rows, name="rows"),
    path("units/<int:pk>/run/", views.run, name="run"),
    path("batches/", tables.view(BatchTable), name="batches"),
    path("batches/<int:pk>/", views.batch, name="batch"),
    path("batches/<int:pk>/voucher/", views.voucher, name="voucher"),
    path("lines/", tables.view(LineTable), name="lines"),
    path("import/", views.import_evidence, name="import"),
    path("consolidated/", views.consolidated, name="consolidated"),
    path("consolidated/<slug:pair>/<int:claimer>/<int:debtor>/<int:year>/", views.dealing, name="dealing"),
    path("papers/annual/<int:year>/<slug:form>/", views.annual, name="annual"),
    path("papers/<slug:kind>/", views.paper, name="paper"),
]
