"""The product's settings plus applications of the tests' own: a thing that moves through a flow, roads to list and import."""

from chengheng.project.settings import *  # noqa: F403
from chengheng.project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.things", "tests.stock"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]  # noqa: F405
