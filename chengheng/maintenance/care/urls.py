from django.urls import path

from chengheng.common import tables
from chengheng.maintenance.care import views
from chengheng.maintenance.care.tables import ArticleTable, SpareTable

urlpatterns = [
    path("spares/", tables.view(SpareTable), name="spares"),
    path("spares/new/", views.spare_new, name="spare_new"),
    path("spares/<int:pk>/", views.spare, name="spare"),
    path("spares/<int:pk>/change/", views.spare_change, name="spare_change"),
    path("articles/", tables.view(ArticleTable), name="articles"),
    path("articles/new/", views.article_new, name="article_new"),
    path("articles/<int:pk>/", views.article, name="article"),
    path("articles/<int:pk>/change/", views.article_change, name="article_change"),
    path("r/<str:token>/", views.follow, name="follow"),
]
