"""Kafka, where it is the event log: does it answer, and are its topics as this installation needs them."""

from typing import TYPE_CHECKING

from service.cli.checks.finding import Finding, bad, fine, look

if TYPE_CHECKING:
    from service.settings.model import Settings


async def kafka(settings: "Settings") -> list[Finding]:
    """Nothing is created: a missing topic is made by the service when it starts."""
    from service.broker import Broker
    from service.broker.kafka import Access, KafkaDown, KafkaRefused, KafkaUnfit, partition_counts

    try:
        access = Access.of(settings.service)
        counts = await partition_counts(access)
    except (KafkaRefused, KafkaUnfit) as error:
        return [bad(str(error), "mend the setting that is named", is_down=True)]
    except KafkaDown as error:
        return [bad(str(error), "start it, or write `event_log: redis` to do without", is_down=True)]
    where = ", ".join(access.servers)
    wanted = {access.topic(topic): access.partitions for topic in Broker.topics}
    missing = [name for name in wanted if name not in counts]
    wrong = [name for name in wanted if counts.get(name, access.partitions) != access.partitions]
    found = [fine(f"Kafka answers at {where}")]
    if missing:
        found.append(look(f"no topic yet: {', '.join(missing)}", "the service makes them when it starts"))
    for name in wrong:
        told = f"the topic {name} has {counts[name]} partitions, kafka.partitions says {access.partitions}"
        found.append(
            bad(told, f"set kafka.partitions to {counts[name]}: a subject never changes its partition")
        )
    if not missing and not wrong:
        found.append(fine(f"{len(wanted)} topics with {access.partitions} partitions"))
    return found
