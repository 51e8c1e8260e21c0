"""What keeping the system whole needs of tables and bucket, beyond the layers' own contracts.

Raw items, scans in segments, generations that wait to be deleted, objects that nobody names. Only
`flows/recover.py`, `verify.py`, `heads.py` and `archive.py` use it; no request does.
"""
