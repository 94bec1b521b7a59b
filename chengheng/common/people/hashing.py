"""How passwords are hashed. Loaded by Django by its dotted name."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with the second recommended parameters of RFC 9106 section 4: 3 passes, 64 MiB, 4 lanes.

    Django's own default takes 100 MiB an attempt, which many attempts at once would make a burden of its own.
    """

    time_cost = 3
    memory_cost = 64 * 1024
    parallelism = 4
