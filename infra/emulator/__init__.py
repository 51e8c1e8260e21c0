"""An AWS emulator that takes `make deploy` and runs what it deployed, without Docker.

It is ministack (MIT, see NOTICE), pinned to one version, with a thin layer of patches for what an
unmodified `chalice deploy` needs and what the system relies on (`inside/`). Permissions are
enforced on the functions' roles, and each call that they make is written down.

* `installed`: its own virtual environment, because it pins a botocore of its own;
* `running`: one emulator as a process, on a free port of the loopback;
* `waiters`: boto's waiters look every 0.1 s instead of every 5 s, through boto's own settings;
* `inside`: runs in the emulator's process, and is imported nowhere else.
"""
