"""RQ: a hundred jobs for two workers, failures that are tried again, a scheduled job, jobs that depend on others."""
import logging
import subprocess
import sys
import time
from datetime import timedelta

from redis import Redis
from rq import Queue, Retry, SimpleWorker
from rq.job import Job


def add(a, b):
    return a + b


def fail_once(port, name):
    if Redis(port=port).incr(f"tries:{name}") == 1:
        raise ValueError("not yet")
    return name


def fail():
    raise ValueError("never")


def work(port):
    connection = Redis(port=port)
    logging.disable(logging.CRITICAL)
    deadline = time.monotonic() + 60
    while connection.get("end") is None and time.monotonic() < deadline:
        SimpleWorker(["default"], connection=connection).work(burst=True, with_scheduler=True, logging_level="ERROR")
        time.sleep(0.05)


def main(port):
    connection = Redis(port=port)
    queue = Queue(connection=connection)
    import rq_queue as jobs

    added = [queue.enqueue(jobs.add, i, i) for i in range(100)]
    tried = [queue.enqueue(jobs.fail_once, port, str(i), retry=Retry(max=2)) for i in range(5)]
    behind = queue.enqueue(jobs.add, 1, 1, depends_on=added[:3])
    failing = queue.enqueue(jobs.fail)
    later = queue.enqueue_in(timedelta(seconds=1), jobs.add, 20, 22)
    workers = [subprocess.Popen([sys.executable, __file__, str(port), "work"]) for _ in range(2)]
    everything = [*added, *tried, behind, failing, later]
    deadline = time.monotonic() + 50
    while any(job.get_status(refresh=True) not in ("finished", "failed") for job in everything):
        if time.monotonic() > deadline:
            print("unfinished", [(job.id, job.get_status()) for job in everything if not job.is_finished])
            break
        time.sleep(0.05)
    connection.set("end", 1)
    for worker in workers:
        worker.wait()
    print("sum", sum(job.result for job in added))
    print("tried again", [job.result for job in tried], [int(connection.get(f"tries:{i}")) for i in range(5)])
    print("behind", behind.result, "later", later.result, "failing", failing.get_status())
    print("registries", len(queue), queue.finished_job_registry.count, queue.failed_job_registry.count,
          queue.started_job_registry.count, queue.scheduled_job_registry.count)
    print("fetched", [job.result for job in Job.fetch_many([added[5].id, later.id], connection=connection)])


if __name__ == "__main__":
    sys.path.insert(0, __file__.rsplit("/", 1)[0])
    work(int(sys.argv[1])) if len(sys.argv) > 2 else main(int(sys.argv[1]))
