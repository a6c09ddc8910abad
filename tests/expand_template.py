"""Prints the template named first as CloudFormation gets it, SAM's shorthands expanded, as JSON. Asks nothing of AWS."""

import json
import sys

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse


class NoManagedPolicies:
    """The template uses none, and looking them up would ask AWS."""

    def load(self):
        return {}


with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())
validator = SamTemplateValidator(template, NoManagedPolicies(), region="us-east-1")
print(json.dumps(yaml_parse(validator.get_translated_template_if_valid()), indent=1))
