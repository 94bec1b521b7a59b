from django.urls import path

from chengheng.performance import views

app_name = "performance"
urlpatterns = [
    path("", views.programmes, name="programmes"),
    path("import/", views.import_files, name="import"),
    path("import/<int:pk>/", views.preview, name="preview"),
    path("programmes/<int:pk>/", views.programme, name="programme"),
    path("programmes/<int:pk>/monitor/", views.monitor, name="monitor"),
    path("programmes/<int:pk>/evaluation/", views.evaluation, name="evaluation"),
    path("programmes/<int:pk>/evaluation/draft/", views.draft_evaluation, name="draft_evaluation"),
    path("programmes/<int:pk>/evaluation/print/", views.print_evaluation, name="print_evaluation"),
    path("programmes/<int:pk>/evaluation/<str:style>/", views.export_evaluation, name="export_evaluation"),
    path("programmes/<int:pk>/roll-over/", views.roll_over_one, name="roll_over_one"),
    path("programmes/<int:pk>/compare/", views.compare_years, name="compare"),
    path("indicators/<int:pk>/", views.indicator, name="indicator"),
    path("indicators/<int:pk>/bind/", views.bind, name="bind"),
    path("indicators/<int:pk>/evidence/", views.evidence, name="evidence"),
    path("bindings/", views.bindings, name="bindings"),
    path("payments/", views.payments, name="payments"),
    path("payments/new/", views.enter_payment, name="enter_payment"),
    path("payments/import/", views.import_payments, name="import_payments"),
    path("surveys/", views.surveys, name="surveys"),
    path("surveys/new/", views.make_survey, name="make_survey"),
    path("surveys/<int:pk>/", views.survey, name="survey"),
    path("surveys/<int:pk>/invite/", views.invite, name="invite"),
    path("surveys/<int:pk>/close/", views.close_survey, name="close_survey"),
    path("s/<str:token>/", views.answer, name="answer"),
    path("report/", views.report, name="report"),
    path("roll-over/", views.roll_over, name="roll_over"),
]
