"""Reads a trace of `shop trace --otlp` as a collector would, by the classes that OpenTelemetry publishes.

    python read_trace.py FILE

Prints each span as `service span < its parent`, and exits with 1 where something is no OTLP: a field that the protocol
doesn't have, an id of another length, a parent that is in no span.
"""

import re
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

text = open(sys.argv[1]).read()
# Protobuf's own JSON has bytes in base64, where OTLP has ids in hexadecimal: they are looked at below, as text.
request = json_format.Parse(text, ExportTraceServiceRequest())
raw = json_format.json.loads(text)

names = {}
for resource in raw["resourceSpans"]:
    for scope in resource["scopeSpans"]:
        for span in scope["spans"]:
            if not re.fullmatch("[0-9a-f]{32}", span["traceId"]) or not re.fullmatch("[0-9a-f]{16}", span["spanId"]):
                sys.exit(f"{span['name']}: no ids of a trace: {span['traceId']} {span['spanId']}")
            names[span["spanId"]] = span["name"]

for resource, plain in zip(request.resource_spans, raw["resourceSpans"]):
    attributes = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
    for scope, texts in zip(resource.scope_spans, plain["scopeSpans"]):
        for span, text in zip(scope.spans, texts["spans"]):
            if span.end_time_unix_nano < span.start_time_unix_nano or span.start_time_unix_nano < 10**18:
                sys.exit(f"{span.name}: from {span.start_time_unix_nano} to {span.end_time_unix_nano}")
            parent = text.get("parentSpanId")
            if parent and parent not in names:
                sys.exit(f"{span.name}: its parent {parent} is nowhere")
            print(attributes["service.name"], span.name, "<", names.get(parent, "nothing"))
