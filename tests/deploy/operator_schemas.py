"""The fields of the Prometheus Operator's kinds that the manifests use, from its API reference.

Its custom resource definitions are not among the schemas of Kubernetes.
"""

from typing import Any, Final

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_DURATION: Final[Schema] = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$"}
_TEXTS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}


def _fields(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def _items(schema: Schema) -> Schema:
    return {"type": "array", "items": schema, "minItems": 1}


def _manifest(kind: str, spec: Schema) -> Schema:
    name = _fields({"name": _TEXT}, {"namespace": _TEXT, "labels": _TEXTS})
    fields = {"apiVersion": {"const": "monitoring.coreos.com/v1"}, "kind": {"const": kind}, "metadata": name}
    return _fields(fields | {"spec": spec})


_SELECTOR: Final = _fields({"matchLabels": _TEXTS})
_ENDPOINTS: Final = _items(_fields({"port": _TEXT, "path": {"const": "/metrics"}, "interval": _DURATION}))
_RULE: Final = _fields(
    {"alert": _TEXT, "expr": _TEXT, "labels": _TEXTS, "annotations": _TEXTS},
    {"for": _DURATION},
)

SCHEMAS: Final[dict[str, Schema]] = {
    "ServiceMonitor": _manifest(
        "ServiceMonitor", _fields({"jobLabel": _TEXT, "selector": _SELECTOR, "endpoints": _ENDPOINTS})
    ),
    "PodMonitor": _manifest(
        "PodMonitor", _fields({"jobLabel": _TEXT, "selector": _SELECTOR, "podMetricsEndpoints": _ENDPOINTS})
    ),
    "PrometheusRule": _manifest(
        "PrometheusRule", _fields({"groups": _items(_fields({"name": _TEXT, "rules": _items(_RULE)}))})
    ),
}
"""By kind."""
