"""Celery with Redis as its broker and for its results: two workers, retries, countdowns, groups, chords, chains, priorities."""
import os
import subprocess
import sys
import time

from celery import Celery, chain, chord, group
from kombu.exceptions import OperationalError
from redis.exceptions import ResponseError

port = os.environ.get("APPLICATION_PORT") or sys.argv[1]
app = Celery("celery_tasks", broker=f"redis://127.0.0.1:{port}/0", backend=f"redis://127.0.0.1:{port}/1")
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_transport_options={"visibility_timeout": 30, "priority_steps": [0, 5, 9]},
    broker_connection_retry_on_startup=True,
    redis_socket_timeout=30,
)


def persistently(send):
    """Sends again what was answered with an error, as a program does that wants its task done whatever happens."""
    for _ in range(5):
        try:
            return send()
        except (ResponseError, OperationalError):
            time.sleep(0.5)
    return send()


@app.task(name="add")
def add(a, b):
    return a + b


@app.task(name="total")
def total(numbers):
    return sum(numbers)


@app.task(name="fail_once", bind=True, max_retries=2)
def fail_once(self, name):
    if self.request.retries == 0:
        raise self.retry(countdown=0.2, exc=ValueError("not yet"))
    return [name, self.request.retries]


@app.task(name="fail")
def fail():
    raise ValueError("never")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    environment = {**os.environ, "APPLICATION_PORT": port, "PYTHONPATH": here}
    command = [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "-c", "2", "-l", "CRITICAL",
               "--without-mingle", "--without-heartbeat"]
    workers = [
        subprocess.Popen([*command, "-n", f"w{i}@here"], env=environment, cwd="/tmp", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for i in range(2)
    ]
    try:
        plain = [persistently(lambda: add.apply_async((i, i), priority=(0, 5, 9)[i % 3])) for i in range(100)]
        print("sum", sum(result.get(timeout=60) for result in plain))
        print("group", persistently(group(add.s(i, 1) for i in range(10))).get(timeout=30))
        print("chord", persistently(chord((add.s(i, i) for i in range(10)), total.s())).get(timeout=30))
        print("chain", persistently(chain(add.s(1, 2), add.s(3), add.s(4))).get(timeout=30))
        print("tried again", sorted(result.get(timeout=30) for result in [persistently(lambda: fail_once.delay(str(i))) for i in range(3)]))
        begin = time.monotonic()
        print("later", persistently(lambda: add.apply_async((20, 22), countdown=1)).get(timeout=30), time.monotonic() - begin >= 0.9)
        try:
            persistently(fail.delay).get(timeout=30)
        except ValueError as error:
            print("failed", error)
        print("workers", sorted(app.control.ping(timeout=2), key=str))
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
    with app.connection_for_read() as connection:
        print("left", connection.default_channel.client.llen("celery"), connection.default_channel.client.hlen("unacked"))


if __name__ == "__main__":
    main()
    # The results that are left would unsubscribe while the interpreter ends, which this version cannot.
    sys.stdout.flush()
    os._exit(0)
