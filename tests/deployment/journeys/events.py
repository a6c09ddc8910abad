"""What the relay tells: the event bus, and the counters."""

from errand import Errand, eventually


def whoever_has_a_rule_on_the_bus_hears_of_every_end_and_of_what_handlers_publish(errand: Errand):
    acme = errand.tenant("bus")
    done = [acme.enqueue({}) for _ in range(5)]
    publishes = acme.enqueue({"publish": "thing.happened"})
    failed = acme.enqueue({"acts": [{"fail_for_good": "no"}]})
    told = eventually(lambda: errand.bus.of_tenant("bus"), lambda told: len(told) >= 8)
    kinds = sorted((kind, detail["subject"]) for kind, detail in told)
    ends = [("task.completed", task) for task in (*done, publishes)] + [("task.failed", failed)]
    assert kinds == sorted([*ends, ("thing.happened", publishes)]), told
    assert len({detail["id"] for _, detail in told}) == len(told), "an id does not tell its event from others"
    (end,) = [detail for kind, detail in told if kind == "task.failed"]
    assert (end["old_status"], end["new_status"], end["task_type"]) == ("running", "failed", "scripted"), end


def counts_are_right_as_soon_as_the_relay_has_told(errand: Errand):
    acme = errand.tenant("counted")
    good = [acme.enqueue({}, lane="a") for _ in range(3)]
    bad = acme.enqueue({"acts": [{"fail_for_good": "no"}]}, lane="b")
    acme.enqueue({}, delay_s=600, lane="b")
    elsewhere = acme.enqueue({}, queue="mail")
    for task in (*good, elsewhere):
        acme.completed(task)
    acme.ended(bad)
    # Each status that a task enters is a change: twelve for the four that ran, one for the one that waits.
    stats = eventually(lambda: acme.get("/v1/queues/default/stats"), lambda stats: stats["revision"] >= 13, within_s=150)
    names = ("pending", "running", "completed", "failed", "open", "processed", "succeeded", "success_rate", "revision")
    assert [stats[name] for name in names] == [1, 0, 3, 1, 1, 4, 3, 0.75, 13], stats
    assert (stats["lanes"]["a"]["completed"], stats["lanes"]["b"]["failed"]) == (3, 1), stats
    assert stats["types"]["scripted"]["completed"] == 3, stats
    queues = eventually(lambda: acme.get("/v1/queues"), lambda queues: queues["items"][-1]["completed"] == 1, within_s=150)
    assert [(it["queue"], it["completed"], it["open"]) for it in queues["items"]] == [("default", 3, 1), ("mail", 1, 0)]
    assert acme.get("/v1/commander")["stats"]["completed"] == 3
    history = acme.get("/v1/history")
    ends = [sum(history[how]) for how in ("completed", "failed", "cancelled")]
    assert (ends, len(history["failed"]), history["bucket_s"]) == ([4, 1, 0], 24, 3600), history
    assert errand.tenant("uncounted").get("/v1/queues")["count"] == 0
