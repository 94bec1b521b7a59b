from django.urls import include, path

from chengheng.common import tables
from chengheng.maintenance import views
from chengheng.maintenance.tables import BillTable, ContractTable, DeviceTable, FaultTable, PlanTable, VisitTable

app_name = "maintenance"
urlpatterns = [
    path("", views.state, name="state"),
    path("devices/", tables.view(DeviceTable), name="devices"),
    path("devices/new/", views.device_new, name="device_new"),
    path("devices/labels/", views.labels, name="labels"),
    path("devices/<int:pk>/", views.device, name="device"),
    path("devices/<int:pk>/change/", views.device_change, name="device_change"),
    path("devices/<int:pk>/check", views.check_new, name="check_new"),
    path("checks/<int:pk>/", views.check_change, name="check_change"),
    path("checks/<int:pk>/ask", views.check_ask, name="check_ask"),
    path("sources/", views.sources, name="sources"),
    path("sources/<int:pk>/", views.source_change, name="source_change"),
    path("devices/<int:pk>/window", views.exclusion_new, name="exclusion_new"),
    path("devices/<int:pk>/fault", views.fault_new, name="fault_new"),
    path("devices/<int:pk>/retire", views.retire, name="retire"),
    path("faults/", tables.view(FaultTable), name="faults"),
    path("faults/<int:pk>/", views.fault, name="fault"),
    path("plans/", tables.view(PlanTable), name="plans"),
    path("plans/new/", views.plan_new, name="plan_new"),
    path("plans/<int:pk>/", views.plan, name="plan"),
    path("plans/<int:pk>/change/", views.plan_change, name="plan_change"),
    path("visits/", tables.view(VisitTable), name="visits"),
    path("visits/<int:pk>/", views.visit, name="visit"),
    path("contracts/", tables.view(ContractTable), name="contracts"),
    path("contracts/new/", views.contract_new, name="contract_new"),
    path("contracts/<int:pk>/", views.contract, name="contract"),
    path("base/", include("chengheng.maintenance.basedata.urls")),
    path("contracts/<int:pk>/report.docx", views.report, {"form": "docx"}, name="report_docx"),
    path("contracts/<int:pk>/report.xlsx", views.report, {"form": "xlsx"}, name="report_xlsx"),
    path("money/", views.money, name="money"),
    path("bills/", tables.view(BillTable), name="bills"),
    path("bills/import/", views.import_bills, name="import_bills"),
    path("bills/new/", views.bill_new, name="bill_new"),
    path("bills/<int:pk>/", views.bill, name="bill"),
    path("vendor/", views.vendor, name="vendor"),
    path("systems/<slug:code>/", views.system, name="system"),
    path("q/<str:label>/", views.label, name="label"),
]
