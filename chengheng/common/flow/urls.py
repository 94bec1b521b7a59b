from django.urls import path

from chengheng.common.flow import views

app_name = "flow"
urlpatterns = [path("<str:flow_code>/<int:pk>/<str:name>/", views.take_step, name="step")]
