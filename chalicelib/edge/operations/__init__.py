"""The operations of the HTTP API: what each takes and answers, and the flow that it runs.

`app.py` says at which path each stands and what it needs. `edge.http.Router` checks what is
declared here before the operation runs, and `/openapi.json` is made from it.
"""
