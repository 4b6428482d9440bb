"""Reads the shop's events with a Kafka client that is not ours, and decodes them with the official CloudEvents SDK.

    read_events.py BOOTSTRAP_SERVERS [KEY ...]

Prints how many events of each type there were, of these orders and SKUs or of all; exits with 1 where one is not what
the specification says, or none was found.
"""

import sys
from collections import Counter
from datetime import timedelta

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, from_kafka_event
from kafka import KafkaConsumer, TopicPartition

TOPICS = """
    orders.created orders.confirmed orders.cancelling orders.cancelled inventory.reserved inventory.rejected
    inventory.released inventory.stock payments.captured payments.declined payments.voided payments.refunded
    notifications.sent sales.counted
""".split()


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
    checks = {
        "specversion": event.get_specversion() == "1.0",
        "type is the topic": event.get_type() == record.topic,
        "source is the publisher": event.get_source() == f"/shop/{record.topic.split('.')[0]}",
        "subject is the key": event.get_subject() == key,
        "id": len(event.get_id()) == 36,
        "time in UTC": event.get_time().utcoffset() == timedelta(0),
        "data are JSON": event.get_datacontenttype() == "application/json" and isinstance(data, dict),
        "data name the key": isinstance(data, dict)
            and key in (data.get("orderId"), data.get("sku"), f"{data.get('sku')}@{data.get('start')}"),
        "the correlation": record.topic in ("inventory.stock", "sales.counted") or event.get_extension("correlationid") is not None,
    }
    return [what for what, holds in checks.items() if not holds]


def main(bootstrap, *keys):
    found, wrong = Counter(), 0
    for record in records(bootstrap):
        if keys and record.key.decode() not in keys:
            continue
        message = KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
        where = f"{record.topic}/{record.partition}@{record.offset}"
        try:
            event = from_binary_event(message)
            problems = complaints(record, event)
            if from_kafka_event(message).get_id() != event.get_id():
                problems.append("the mode is binary")
        except Exception as error:  # whatever the SDK throws is the finding
            problems = [f"{type(error).__name__}: {error}"]
        found[record.topic] += 1
        wrong += bool(problems)
        for problem in problems:
            print(f"{where}: {problem}", file=sys.stderr)
    for topic, count in sorted(found.items()):
        print(f"{topic} {count}")
    sys.exit(0 if found and not wrong else "no events found" if not found else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
