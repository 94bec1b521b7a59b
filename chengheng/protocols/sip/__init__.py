"""SIP as GB/T 28181 uses it (RFC 3261 subset, RFC 2617/7616 digest, RFC 6665 subscriptions), sans-I/O.

Bytes and the time come in, events and bytes go out; no socket, no clock, no framework. Reading is tolerant because
devices are not exact; writing is strict. `message` one message, `stream` framing, `digest` passwords and nonces,
`dialog` calls and subscriptions, `endpoint` transactions.
"""
