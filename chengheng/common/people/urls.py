"""Addresses of signing in, one's own account, and administration."""

from django.urls import path

from chengheng.common.people.views import administration as admin
from chengheng.common.people.views import own, signing

app_name = "people"
urlpatterns = [
    path("sign-in/", signing.sign_in, name="sign_in"),
    path("sign-in/demo/", signing.sign_in_demo, name="sign_in_demo"),
    path("sign-in/code/", signing.sign_in_code, name="sign_in_code"),
    path("sign-in/second-factor/", signing.sign_in_enrol, name="sign_in_enrol"),
    path("sign-out/", signing.sign_out, name="sign_out"),
    path("me/", own.profile, name="profile"),
    path("me/password/", own.own_password, name="own_password"),
    path("me/second-factor/", own.own_second_factor, name="own_second_factor"),
    path("me/sessions/", own.sessions, name="sessions"),
    path("me/sessions/end/", own.sessions_end, name="sessions_end"),
    path("me/sessions/<int:pk>/end/", own.session_end, name="session_end"),
    path("me/tokens/", own.tokens, name="tokens"),
    path("me/tokens/<int:pk>/revoke/", own.token_revoke, name="token_revoke"),
    path("users/", admin.users, name="users"),
    path("users/new/", admin.user_new, name="user_new"),
    path("users/<int:pk>/", admin.user, name="user"),
    path("users/<int:pk>/edit/", admin.user_edit, name="user_edit"),
    path("users/<int:pk>/password/", admin.user_password, name="user_password"),
    path("users/<int:pk>/duty/", admin.duty_new, name="duty_new"),
    path("users/<int:pk>/token/", admin.user_token, name="user_token"),
    path("users/<int:pk>/do/<slug:act>/", admin.user_act, name="user_act"),
    path("tokens/<int:pk>/revoke/", admin.user_token_revoke, name="user_token_revoke"),
    path("sessions/<int:pk>/end/", admin.user_session_end, name="user_session_end"),
    path("duties/", admin.duties, name="duties"),
    path("duties/<int:pk>/end/", admin.duty_end, name="duty_end"),
    path("duties/requests/<int:pk>/", admin.grant_decide, name="grant_decide"),
    path("permissions/", admin.permissions, name="permissions"),
    path("organisations/", admin.organisations, name="organisations"),
    path("organisations/new/", admin.organisation_new, name="organisation_new"),
    path("organisations/<int:pk>/", admin.organisation, name="organisation"),
    path("organisations/<int:pk>/edit/", admin.organisation_edit, name="organisation_edit"),
    path("organisations/<int:pk>/move/", admin.organisation_move, name="organisation_move"),
    path("organisations/<int:pk>/do/<slug:act>/", admin.organisation_act, name="organisation_act"),
    path("policy/", admin.policy, name="policy"),
    path("sign-ins/", admin.sign_ins, name="sign_ins"),
    path("sign-ins/export/", admin.sign_ins_export, name="sign_ins_export"),
]
