"""Users of a stage's pool: made by an administrator, each with a workspace; and their tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from chalicelib.domain.ids import WORKSPACE
from infra.deploy import aws, stacks, state
from infra.deploy.errors import DeployError
from infra.deploy.stage import Stage

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\Z")


def put(stage: Stage, email: str, workspace: str, name: str = "", password: str = "") -> str:
    """Make a user, or change the one who is there. Returns what was done.

    Without a password, the user pool mails a new user one that is good for seven days.
    """
    require_address(email)
    if not WORKSPACE.match(workspace):
        raise DeployError(f"WORKSPACE={workspace!r} is not 1 to 40 of a-z, 0-9 and -.")
    pool, cognito = _pool(stage)["USER_POOL_ID"], aws.client("cognito-idp")
    attributes = [
        {"Name": "email", "Value": email},
        {"Name": "email_verified", "Value": "true"},
        {"Name": "custom:workspace", "Value": workspace},
    ]
    shown = [{"Name": "name", "Value": name or email.partition("@")[0]}]
    who: dict[str, Any] = {"UserPoolId": pool, "Username": email}
    try:
        quiet: dict[str, Any] = {"MessageAction": "SUPPRESS"} if password else {}
        cognito.admin_create_user(
            **who,
            UserAttributes=attributes + shown,
            DesiredDeliveryMediums=["EMAIL"],
            **quiet,
        )
        done = f"{email} is in {workspace}" + ("" if password else f"; {_where_from()}")
    except cognito.exceptions.UsernameExistsException:
        cognito.admin_update_user_attributes(
            **who, UserAttributes=attributes + (shown if name else [])
        )
        done = f"{email} was there, and is in {workspace} now"
    if password:
        cognito.admin_set_user_password(**who, Password=password, Permanent=True)
    return done


def require_address(email: str) -> None:
    """Raise DeployError unless this may be somebody's address."""
    if not _EMAIL.match(email):
        raise DeployError(f"EMAIL={email!r} is no address.")


def remove(stage: Stage, email: str) -> None:
    """Delete a user. What he wrote stays his."""
    aws.client("cognito-idp").admin_delete_user(
        UserPoolId=_pool(stage)["USER_POOL_ID"], Username=email
    )


def token(stage: Stage, email: str, password: str, ask: Callable[[str], str]) -> str:
    """Return a user's identity token, good for an hour. `ask` is asked for a first own password."""
    pool, cognito = _pool(stage), aws.client("cognito-idp")
    client = pool["USER_POOL_CLIENT_ID"]
    try:
        answer = cognito.initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
        if answer.get("ChallengeName") == "NEW_PASSWORD_REQUIRED":
            answer = cognito.respond_to_auth_challenge(
                ClientId=client,
                ChallengeName="NEW_PASSWORD_REQUIRED",
                Session=answer["Session"],
                ChallengeResponses={"USERNAME": email, "NEW_PASSWORD": ask("A new password: ")},
            )
    except cognito.exceptions.NotAuthorizedException as error:
        raise DeployError(f"{email} is not let in: {aws.message(error)}") from error
    if "AuthenticationResult" not in answer:
        raise DeployError(
            f"{email} has to answer {answer.get('ChallengeName')}, which this cannot."
        )
    return str(answer["AuthenticationResult"]["IdToken"])


def _where_from() -> str:
    if aws.endpoint() is not None:
        return "no mail comes from an emulator: set PASSWORD in the environment and run it again"
    return "a mail brings the password"


def _pool(stage: Stage) -> dict[str, str]:
    if stage.identity is not None:
        raise DeployError(
            f"The users of {stage.name} are kept by {stage.identity.issuer}, not by a pool of ours."
        )
    found = stacks.outputs(stage, "identity")
    if found is None:
        raise state.absent(stage)
    return found
