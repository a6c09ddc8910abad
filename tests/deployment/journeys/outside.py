"""Another repository's stack: its own task type, on the template that docs/engine.md has it make of Errand's."""

from urllib.parse import urlsplit

from deploy import STACK, Sam
from errand import Errand


def own_types_run(errand: Errand, sam: Sam, quick: bool):
    """Deploys it where the other stack was, sends an invoice through its functions, and deletes it."""
    if quick:
        sam.lay_out_outside()
    else:
        sam.build_outside()
    sam.deploy({})
    (deployed,) = errand.root.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    errand.outputs = {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}
    errand.host = urlsplit(errand.outputs["ApiUrl"]).netloc
    errand.service = errand.root  # the user of the other stack may ask that one's API alone
    acme = errand.tenant("outside")
    types = [task_type["name"] for task_type in acme.get("/v1/task-types")["items"]]
    assert types == ["send_invoice"], types
    task = acme.completed(acme.enqueue({"customer": "ada", "cents": 1250}, "send_invoice"))
    invoice = acme.get(f"/v1/records/invoice/{task['output']['invoice']}")
    assert invoice["cents"] == 1250, invoice
    sam.delete()
