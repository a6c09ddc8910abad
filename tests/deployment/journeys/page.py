"""The dashboard from the deployed API, where people sign in with an issuer."""

import http.client
import re

from botocore.exceptions import ClientError

from deploy import Sam
from errand import Errand
from journeys.permissions import allowed

ISSUER = "https://issuer.example/pool"
FILE = re.compile(r'"(dashboard/[^"]+)"')


def the_page_is_there_where_people_sign_in_and_nowhere_else(errand: Errand, sam: Sam, parameters: dict[str, str]) -> str:
    """After it the API takes the issuer's tokens alone, of which there are none here."""
    try:
        errand.function("dashboard")
    except ClientError as error:
        assert "ResourceNotFound" in str(error), error
    else:
        raise AssertionError("there is a function of the page though nobody can sign in")
    signing_in = {"JwtIssuer": ISSUER, "JwtAudience": "the-api", "DashboardClientId": "the-page"}
    sam.deploy({**parameters, **signing_in, "DashboardConnect": "https://login.example"})
    page = asked(errand, "/")
    assert page.status == 200 and b"errand-sign-in" in page.body and b"the-page" in page.body, page.body
    policy = page.headers["content-security-policy"]
    assert "connect-src 'self' https://issuer.example https://login.example;" in policy, policy
    files = FILE.findall(page.body.decode())
    for file in files:
        answered = asked(errand, f"/{file}")
        assert answered.status == 200 and answered.body, (file, answered.status)
        assert "immutable" in answered.headers["cache-control"], file
    assert asked(errand, "/dashboard/none").status == 404
    assert asked(errand, "/v1/tasks").status in (401, 403), "who has no token is let in"
    role = errand.function("dashboard")["Role"].rsplit("/", 1)[1]
    may = {action for action, _ in allowed(errand, role)}
    assert may == {"logs:CreateLogStream", "logs:PutLogEvents"}, may
    return f"{len(files)} files"


def asked(errand: Errand, path: str) -> http.client.HTTPResponse:
    """What anybody is answered, who has signed nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", errand.port, timeout=60)
    try:
        connection.request("GET", path, headers={"host": errand.host, "accept-encoding": "identity"})
        answered = connection.getresponse()
        answered.body = answered.read()
        return answered
    finally:
        connection.close()
