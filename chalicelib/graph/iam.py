"""IAM for Neptune: the websocket's handshake carries a Signature Version 4.

https://docs.aws.amazon.com/neptune/latest/userguide/iam-auth-connecting-gremlin.html, read 2026-11.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

SERVICE: Final = "neptune-db"


def signed_headers(url: str, region: str | None = None) -> dict[str, str]:
    """Return the headers of one handshake; good for five minutes, so sign again for the next.

    `region` is where the cluster is; without it, the region of this process.
    """
    import botocore.session
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    session = botocore.session.get_session()
    credentials = session.get_credentials()
    if credentials is None:
        raise OSError("there are no AWS credentials to sign with")
    parts = urlsplit(url)
    http = "https" if parts.scheme == "wss" else "http"
    request = AWSRequest("GET", f"{http}://{parts.netloc}{parts.path}", headers={})
    request.headers["Host"] = parts.netloc
    where = region or session.get_config_variable("region")
    SigV4Auth(credentials.get_frozen_credentials(), SERVICE, where).add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}
