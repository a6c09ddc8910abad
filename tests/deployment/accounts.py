"""Who is there: users of the account with what each may do, and their clients."""

import json

import boto3
from botocore.config import Config

from stack import REGION, ROOT_KEYS

# What `sam deploy` and `sam delete` of this template ask for.
MAY_DEPLOY = [
    f"{service}:*"
    for service in (
        "cloudformation", "s3", "iam", "lambda", "sqs", "dynamodb", "logs", "apigateway", "scheduler", "events",
        "cloudwatch", "kms",
    )
]


class Account:
    """The account of one MiniStack."""

    def __init__(self, url: str):
        self.url = url
        self.root = Clients(url, ROOT_KEYS)

    def user(self, name: str, may: dict[str, list[str]]) -> "Clients":
        """A new user who may do these actions, each on these resources, and nothing else."""
        iam = self.root.iam
        iam.create_user(UserName=name)
        statements = [{"Effect": "Allow", "Action": action, "Resource": on} for action, on in may.items()]
        if statements:
            policy = {"Version": "2012-10-17", "Statement": statements}
            iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return Clients(self.url, (made["AccessKeyId"], made["SecretAccessKey"]))


class Clients:
    """Clients of one principal: `clients.sqs`, `clients.dynamodb`, … They try once: a refusal is an answer."""

    def __init__(self, url: str, keys: tuple[str, ...]):
        self.url, self.keys = url, keys
        self.session = boto3.Session(*keys, region_name=REGION)

    def __getattr__(self, service: str):
        name = {"functions": "lambda"}.get(service, service)  # a word that Python keeps for itself
        config = Config(retries={"total_max_attempts": 1}, max_pool_connections=50)
        client = self.session.client(name, endpoint_url=self.url, config=config)
        setattr(self, service, client)
        return client
