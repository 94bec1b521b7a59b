"""PostgreSQL as Django drives it, at less cost for a request: `ENGINE = "chengheng.common.database"` (see `base`)."""
