"""Our own database: what state everything is in. One public function is one transaction; none spans an outside call.

SQLite by default, PostgreSQL by `DATABASE_URL`; nothing here is in one dialect only except `database.begin`.
"""
