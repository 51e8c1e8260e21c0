"""Palimpsest: a serverless backend for annotated knowledge.

Arrows point down, and a test holds them so::

    app.py ─► flows, system, edge ─► content, log, views ─► domain ─► errors

`domain` is pure. The layers (`content`, `log`, `views`) speak to AWS. `flows` are the paths that
data takes through the layers. `edge` alone knows Chalice, HTTP and Lambda payloads.
"""
