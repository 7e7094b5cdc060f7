"""The dashboard of who runs it: traffic, lag, latency, errors, saturation, stage by stage, versions."""

from __future__ import annotations

from deploy.grafana.panels import Panel, write
from deploy.grafana.queries import gained, mean, of, quantile, rate, total, within

UID, OTHER = "sluicegate-service", "sluicegate-moderation"
ARRIVED, CREATED = "sluicegate_arrived_to_decided_seconds", "sluicegate_created_to_decided_seconds"
RECORDS = rate(f"{ARRIVED}_count")
CPU = rate("process_cpu_seconds_total")

ROWS = {
    "Now": [
        Panel("Records answered", "By a verdict or as dead letters, all workers.", "ops", {"records": RECORDS},
              "now", 4),
        Panel("p99 latency", "From arrival at the brokers to the decision. Promised: 1 s.", "s",
              {"p99": quantile(0.99, ARRIVED)}, "now", 4, (0.5, 1)),
        Panel("Waiting", "Records not yet decided.", "short", {"lag": total("sluicegate_consumer_lag")}, "now", 4,
              (10_000, 100_000)),
        Panel("Workers", "Workers that answer Prometheus.", "short",
              {"workers": f"count({of('sluicegate_partitions')})"}, "now", 4),
        Panel("Without counters", "Workers that decide without Redis; runbook: SluicegateRedisDegraded.", "short",
              {"degraded": total("sluicegate_degraded")}, "now", 4, (1, 1)),
        Panel("Sets of versions", "More than one: a rollout is under way or stuck.", "short",
              {"sets": f"count(count by (set) ({of('sluicegate_versions_info')}))"}, "now", 4, (2, 2)),
    ],
    "Traffic": [
        Panel("Records by outcome", "Verdicts and dead letters a second, upon each other.", "ops",
              {"{{verdict}}": rate("sluicegate_posts_total", "verdict"),
               "dead letter": rate("sluicegate_dead_letters_total")}, stacked=True),
        Panel("Records by worker", "Unequal: partitions are unequal, or one worker is slow.", "ops",
              {"{{instance}}": rate(f"{ARRIVED}_count", "instance")}),
        Panel("Posts in a batch", "Large batches: the workers are catching up. Each costs one transaction.", "short",
              {"mean": mean("sluicegate_batch_posts"), "p95": quantile(0.95, "sluicegate_batch_posts")}),
    ],
    "Latency": [
        Panel("From arrival to decision", "From the brokers' timestamp. The line at 1 s is the promise.", "s",
              {"p50": quantile(0.5, ARRIVED), "p95": quantile(0.95, ARRIVED), "p99": quantile(0.99, ARRIVED)},
              bounds=(0.5, 1)),
        Panel("From writing to decision", "From the post's own date: what the author feels. It has the platform's way "
              "to Kafka in it, and its clock.", "s",
              {"p50": quantile(0.5, CREATED), "p99": quantile(0.99, CREATED)}),
        Panel("Kept promises", "Share answered within 1 s (promised 99 %) and within 60 s (99.9 %).", "percentunit",
              {"within 1 s": within(ARRIVED, "1.0"), "within 60 s": within(ARRIVED, "60.0")}, bounds=(0.999, 0.99)),
    ],
    "Lag": [
        Panel("Waiting by partition", "One alone grows: an author or a key that floods.", "short",
              {"{{partition}}": total("sluicegate_consumer_lag", "partition")}, width=12, bounds=(10_000, 100_000)),
        Panel("Partitions by worker", "A gap: nobody owned them. Frequent steps: the group does not settle.", "short",
              {"{{instance}}": total("sluicegate_partitions", "instance")}, width=12, stacked=True),
    ],
    "Stage by stage": [
        Panel("Time in a stage", "p99 of the seconds a batch spends in each. `publish` waits for the brokers.", "s",
              {"{{stage}}": quantile(0.99, "sluicegate_stage_seconds", "stage")}, bounds=(0.25, 1)),
        Panel("Time a record", "Seconds of each stage a record, upon each other. `publish` waits, the others compute.",
              "s", {"{{stage}}": f"{rate('sluicegate_stage_seconds_sum', 'stage')} / scalar({RECORDS})"}, stacked=True),
        Panel("Counting a batch", "Looked up and counted in Redis, the wait for the batch before it included.", "s",
              {"p50": quantile(0.5, "sluicegate_counters_round_trip_seconds"),
               "p99": quantile(0.99, "sluicegate_counters_round_trip_seconds")}, bounds=(0.1, 0.5)),
    ],
    "Errors": [
        Panel("Dead letters by reason", "Share of the records. `step_failed` is ours, the others the sender's.",
              "percentunit",
              {"{{reason}}": f"{rate('sluicegate_dead_letters_total', 'reason')} / scalar({RECORDS})"},
              bounds=(0.005, 0.01)),
        Panel("Starts of workers", "Starts in the last 15 minutes, by worker. Three are an alert.", "short",
              {"{{instance}}": f"changes({of('process_start_time_seconds')}[15m])"}, bounds=(1, 3)),
        Panel("Redelivered and lost", "Posts that came again after a death or rebalance: read as at first, or (peeked) "
              "as the counters stand; judged by another policy; times that Redis knew less than it had.", "short",
              {"read as at first": gained("sluicegate_counters_replayed_posts_total"),
               "peeked": gained("sluicegate_counters_peeked_posts_total"),
               "another policy": gained("sluicegate_redecided_posts_total"),
               "Redis lost counts": gained("sluicegate_counters_lost_total")}),
    ],
    "Saturation": [
        Panel("Processor by worker", "Cores. A worker uses one and cannot use more.", "short",
              {"{{instance}}": rate("process_cpu_seconds_total", "instance")}, bounds=(0.75, 0.9)),
        Panel("Processor time a record", "Seconds. Small batches and dear policies or models raise it.", "s",
              {"a record": f"{CPU} / {RECORDS}"}),
        Panel("Memory by worker", "Resident. Flat: a worker keeps nothing but batches.", "bytes",
              {"{{instance}}": total("process_resident_memory_bytes", "instance")}, bounds=(400 << 20, 480 << 20)),
        Panel("Open files by worker", "Connections, mostly. Flat.", "short",
              {"{{instance}}": total("process_open_fds", "instance")}),
        Panel("Time without counters", "Share of the time in which decisions went on without Redis.", "percentunit",
              {"{{instance}}": rate("sluicegate_degraded_seconds_total", "instance")}, bounds=(0.01, 0.5)),
    ],
    "Versions": [
        Panel("Versions", "What each worker decides by. The same `set` decides alike.", "short",
              {"": of("sluicegate_versions_info")}, "table", 24),
    ],
}  # fmt: skip


def service() -> str:
    """The dashboard's JSON."""
    return write(UID, "Sluicegate: service", "Is it up, is it quick, is there room?", OTHER, ROWS)
