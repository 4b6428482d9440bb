"""Reads the shop's events with a Kafka client that is not ours, decodes them with the official CloudEvents SDK, and
holds the key, the headers and the data of each against the AsyncAPI document, and the document's examples, too.

    read_events.py BOOTSTRAP_SERVERS [KEY ...]

Prints how many events of each type there were, of these orders and SKUs or of all; exits with 1 where one is not what
the specification or the document says, or none was found.
"""

import json
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, from_kafka_event
from jsonschema import Draft7Validator, FormatChecker
from kafka import KafkaConsumer, TopicPartition
from referencing import Registry
from referencing.jsonschema import DRAFT7

DOCUMENT = json.loads((Path(__file__).parents[2] / "Shared/Contracts/asyncapi.json").read_text())
SCHEMAS = Registry().with_resource("urn:contracts", DRAFT7.create_resource(DOCUMENT))


def validators(channel):
    """What the document says of the parts of the one message that a channel has."""
    [message] = channel["messages"].values()
    places = {"key": "bindings/kafka/key", "headers": "headers", "data": "payload"}
    schemas = {part: {"$ref": f"urn:contracts{message['$ref']}/{place}"} for part, place in places.items()}
    return {
        part: Draft7Validator(schema, registry=SCHEMAS, format_checker=FormatChecker(["uuid"]))
        for part, schema in schemas.items()}


TOPICS = {channel["address"]: validators(channel) for channel in DOCUMENT["channels"].values()}


def invalid(topic, **parts):
    """Where parts of a message are not what the document says."""
    return [
        f"{part}{error.json_path[1:]}: {error.message}"
        for part, value in parts.items() for error in TOPICS[topic][part].iter_errors(value)]


def examples():
    """Where those in the document, which are the golden events, are not what it says."""
    return [
        f"the example of {name}: {what}"
        for channel in DOCUMENT["channels"].values() for name in channel["messages"]
        for example in DOCUMENT["components"]["messages"][name]["examples"]
        for what in invalid(channel["address"], data=example["payload"])]


def records(bootstrap):
    """Every record that is there now."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest")
    parts = [
        TopicPartition(topic, number)
        for topic in TOPICS for number in sorted(consumer.partitions_for_topic(topic) or [])]
    if not parts:
        sys.exit("none of the shop's topics is there")
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    starts = consumer.beginning_offsets(parts)
    left = {part for part in parts if ends[part] > starts[part]}
    while left:
        for part, batch in consumer.poll(timeout_ms=1000).items():
            yield from batch
        left = {part for part in left if consumer.position(part) < ends[part]}
    consumer.close()


def complaints(record, event):
    """What is wrong with an event of ours."""
    key = record.key.decode()
    data = event.get_data()
    headers = {name: value.decode() for name, value in record.headers}
    checks = {
        "type is the topic": event.get_type() == record.topic,
        "subject is the key": event.get_subject() == key,
        "time in UTC": event.get_time().utcoffset() == timedelta(0),
        "data name the key": record.topic.endswith(".deadLetters") or isinstance(data, dict)
            and key in (data.get("orderId"), data.get("sku"), f"{data.get('sku')}@{data.get('start')}"),
    }
    return invalid(record.topic, key=key, headers=headers, data=data) + [
        what for what, holds in checks.items() if not holds]


def main(bootstrap, *keys):
    problems = examples()
    found = Counter()
    for record in records(bootstrap):
        if keys and record.key.decode() not in keys:
            continue
        message = KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
        where = f"{record.topic}/{record.partition}@{record.offset}"
        found[record.topic] += 1
        try:
            event = from_binary_event(message)
            problems += [f"{where}: {what}" for what in complaints(record, event)]
            if from_kafka_event(message).get_id() != event.get_id():
                problems.append(f"{where}: the mode is binary")
        except Exception as error:  # whatever the SDK throws is the finding
            problems.append(f"{where}: {type(error).__name__}: {error}")
    for problem in problems:
        print(problem, file=sys.stderr)
    for topic, count in sorted(found.items()):
        print(f"{topic} {count}")
    sys.exit(0 if found and not problems else "no events found" if not found else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
