"""What runs as MiniStack here: the tests' own launcher, a file of every decision of its IAM, five faults mended.

The file has one line of JSON for each new (principal, action, resource, allowed): what CloudTrail would tell.
"""

import contextvars
import json
import os
import runpy
from pathlib import Path

from ministack.core import iam_actions, iam_evaluator
from ministack.services import lambda_svc

decide = iam_evaluator.enforce
seen = set()
out = open(os.environ["IAM_DECISIONS"], "a", buffering=1, encoding="utf-8")


transaction_checks = iam_actions.dynamodb_transaction_checks
keys_by_table = contextvars.ContextVar("keys_by_table")


def checks_of(iam_action, body, *others):
    """Asked of every request to DynamoDB before it is decided on: under which keys it writes to which table, which is
    AWS's condition key `dynamodb:LeadingKeys` and none of MiniStack's."""
    asked, keys = json.loads(body or b"{}"), {}
    for part in [part for member in asked.get("TransactItems", [{"": asked}]) for part in member.values()]:
        pk = (part.get("Item") or part.get("Key") or {}).get("pk", {})
        keys.setdefault(part.get("TableName"), []).extend(pk.values())
    keys_by_table.set(keys)
    return transaction_checks(iam_action, body, *others)


iam_actions.dynamodb_transaction_checks = checks_of


def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    if service == "dynamodb":
        keys = keys_by_table.get().get(resource_arn.rpartition("/")[2], [])
        service_context = {**(service_context or {}), "dynamodb:LeadingKeys": keys}
    if service == "sqs":
        # AWS has no such actions: who may send (hide, delete) may do it in batches.
        iam_action = iam_action.removesuffix("Batch")
    if iam_action == "bedrock:Converse":
        iam_action = "bedrock:InvokeModel"  # AWS has no action of the other name
    if iam_action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        # AWS means the group's streams, as in the policies that Lambda's console writes.
        resource_arn += ":*"
    refused = decide(access_key_id, iam_action, service, region, resource_arn, service_context)
    caller = iam_evaluator.resolve_caller_identity(access_key_id)
    decision = (caller["userArn"] if caller else "nobody", iam_action, resource_arn, refused is None)
    if decision not in seen:
        seen.add(decision)
        out.write(json.dumps(decision) + "\n")
    return refused


iam_evaluator.enforce = enforce  # its callers import it when they call it

concurrency_of = lambda_svc._sqs_esm_concurrency


def concurrency(esm, *others):
    """CloudFormation takes a number's text for the number (a `Ref` to a parameter); MiniStack's mappings do not."""
    scaling = esm.get("ScalingConfig") or {}
    if "MaximumConcurrency" in scaling:
        scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
    return concurrency_of(esm, *others)


lambda_svc._sqs_esm_concurrency = concurrency
runpy.run_path(str(Path(__file__).parents[1] / "src/ministack/run.py"), run_name="__main__")
