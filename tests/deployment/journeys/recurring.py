"""Tasks that come again and again."""

from datetime import timedelta

from errand import Errand, eventually
from journeys.schedule import moment


def a_schedule_fires_each_minute_until_it_is_paused(errand: Errand):
    acme = errand.tenant("recurring")
    task = {"task_type": "scripted", "queue": "each-minute"}
    put = {"spec": {"cron": ["* * * * *"]}, "task": task}
    status, made = acme.call("PUT", "/v1/schedules/each-minute", put)
    assert status == 201, (status, made)
    completed = lambda: acme.get("/v1/tasks?queue=each-minute&status=completed")["items"]
    fired = eventually(completed, lambda items: len(items) >= 2, within_s=330)
    nominal = sorted(moment(item["schedule"]["nominal"]) for item in fired)
    assert all(at.second == 0 for at in nominal), nominal
    assert all(later - one == timedelta(minutes=1) for one, later in zip(nominal, nominal[1:])), nominal
    late = max(moment(item["created_at"]) - moment(item["schedule"]["nominal"]) for item in fired)

    acme.post("/v1/schedules/each-minute/pause", {"note": "enough"})
    so_far = acme.get("/v1/schedules/each-minute")["fired"]
    by_hand = acme.post("/v1/schedules/each-minute/trigger", {}, new=True, idempotency_key="by hand")
    acme.completed(by_hand["id"])
    assert acme.get("/v1/schedules/each-minute")["fired"] == so_far + 1, "it fires while it is paused"
    status, _ = acme.call("DELETE", "/v1/schedules/each-minute")
    assert status == 200, status
    return f"at most {late.total_seconds():.1f} s late"
