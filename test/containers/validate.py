"""Reads Kubernetes resources (YAML) on stdin and prints what is wrong with each, a line for each fault: unknown keys are faults.

Argument: the folder of custom resource definitions.
"""

import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml


def strict(schema):
    """The same schema, which takes no key that it does not name."""
    if isinstance(schema, list):
        return [strict(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(inner) for key, inner in schema.items()}
    if 'properties' in schema and not schema.get('x-kubernetes-preserve-unknown-fields'):
        closed.setdefault('additionalProperties', False)
    return closed


custom = {}
for file in Path(sys.argv[1]).glob('*.yaml'):
    spec = yaml.safe_load(file.read_text())['spec']
    for version in spec['versions']:
        name = (f"{spec['group']}/{version['name']}", spec['names']['kind'])
        custom[name] = strict(version['schema']['openAPIV3Schema'])

for resource in yaml.safe_load_all(sys.stdin):
    name = (resource['apiVersion'], resource['kind'])
    try:
        if name in custom:
            jsonschema.validate(resource, custom[name])
        else:
            kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        place = '.'.join(str(key) for key in error.path)
        print(f"{resource['kind']} {resource['metadata']['name']}: {place}: {error.message}")
