"""limits (what Flask-Limiter and slowapi limit with): fixed and moving windows, which are scripts."""
import sys
from concurrent.futures import ThreadPoolExecutor

from limits import parse
from limits.storage import storage_from_string
from limits.strategies import FixedWindowElasticExpiryRateLimiter, FixedWindowRateLimiter, MovingWindowRateLimiter

storage = storage_from_string(f"redis://127.0.0.1:{sys.argv[1]}")
print("storage", storage.check())
limit = parse("30/hour")
for kind in (FixedWindowRateLimiter, FixedWindowElasticExpiryRateLimiter, MovingWindowRateLimiter):
    limiter = kind(storage)
    with ThreadPoolExecutor(8) as pool:
        hits = list(pool.map(lambda i: limiter.hit(limit, kind.__name__, str(i % 2)), range(100)))
    print(kind.__name__, "let in", sum(hits), "left", limiter.get_window_stats(limit, kind.__name__, "0")[1],
          limiter.test(limit, kind.__name__, "0"), limiter.test(limit, kind.__name__, "2"))
    limiter.clear(limit, kind.__name__, "0")
    print("cleared", limiter.hit(limit, kind.__name__, "0"))
print("reset", storage.reset())
