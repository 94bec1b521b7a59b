"""The append-only record of every act, hash-chained per subject and sealed daily."""
