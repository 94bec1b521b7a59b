from django.urls import path

from chengheng.common import tables
from chengheng.opinion import tables as lists
from chengheng.opinion import views

app_name = "opinion"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("search/", views.search, name="search"),
    path("items/", tables.view(lists.ItemTable), name="items"),
    path("items/mail/", views.import_mail, name="import_mail"),
    path("items/<int:pk>/", views.item, name="item"),
    path("items/<int:pk>/correct/", views.correct, name="correct"),
    path("items/<int:pk>/attach/", views.attach, name="attach"),
    path("media/<int:pk>/again/", views.read_again, name="read_again"),
    path("items/<int:pk>/suspect/", views.suspect, name="suspect"),
    path("events/", tables.view(lists.EventTable), name="events"),
    path("events/<int:pk>/", views.event, name="event"),
    path("alerts/", tables.view(lists.AlertTable), name="alerts"),
    path("alerts/<int:pk>/", views.alert, name="alert"),
    path("claims/", tables.view(lists.ClaimTable), name="claims"),
    path("claims/<int:pk>/", views.claim, name="claim"),
    path("claims/<int:pk>/claim-review/", views.claim_review, name="claim_review"),
    path("rules/", tables.view(lists.RuleTable), name="rules"),
    path("rules/new/", views.new_rule, name="new_rule"),
    path("rules/<int:pk>/", views.rule, name="rule"),
    path("sources/", tables.view(lists.SourceTable), name="sources"),
    path("sources/new/", views.edit_source, name="new_source"),
    path("sources/<int:pk>/", views.source, name="source"),
    path("sources/<int:pk>/change/", views.edit_source, name="edit_source"),
    path("sources/<int:pk>/wake/", views.wake, name="wake_source"),
    path("sources/<int:pk>/secret/", views.new_secret, name="new_secret"),
    path("websub/<str:token>/", views.websub, name="websub"),
    path("models/", views.models, name="models"),
    path("models/<int:pk>/use/", views.use_model, name="use_model"),
    path("reports/", views.reports, name="reports"),
    path("reports/<int:pk>/", views.report, name="report"),
    path("reports/<int:pk>/docx/", views.report_docx, name="report_docx"),
]
