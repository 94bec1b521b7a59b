"""In-app events, e-mail, webhooks, SMS: queued, retried, receipted."""
