"""`make demo`: a walk through the main job, for someone who has never seen the system.

It loads `infra/library` into a running system through the HTTP API alone, and shows after each step
what it left in each layer, which it reads by AWS's own protocol. Where something is not as the
documentation says, it stops with one sentence.

    walk     what the walk knows: documents, their ids, the three ways to look
    load     documents and annotations go in
    look     they come back, by content, page, history, list and time
    change   new content, and what the API refuses
"""
