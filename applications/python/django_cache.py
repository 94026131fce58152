"""django-redis: Django's cache with patterns, locks, deadlines and compression, and Django's sessions in it."""
import sys

import django
from django.conf import settings

settings.configure(
    CACHES={
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{sys.argv[1]}/2",
            "KEY_PREFIX": "site",
            "OPTIONS": {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"},
        }
    },
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    INSTALLED_APPS=["django.contrib.sessions"],
    SECRET_KEY="secret",
    USE_TZ=True,
)
django.setup()

from importlib import import_module  # noqa: E402

from django.core.cache import cache  # noqa: E402

cache.set_many({f"page:{i}": {"body": "x" * 2000, "number": i} for i in range(100)}, timeout=300)
print("pages", sum(page["number"] for page in cache.get_many([f"page:{i}" for i in range(100)]).values()))
print("add", cache.add("once", 1), cache.add("once", 2), cache.get("once"))
print("incr", cache.incr("once", 41), cache.decr("once", 2), cache.get_or_set("computed", lambda: 7))
print("ttl", 290 < cache.ttl("page:1") <= 300, cache.ttl("nothing"), cache.persist("page:1"), cache.ttl("page:1"))
print("expire", cache.expire("page:2", 10), 0 < cache.ttl("page:2") <= 10, cache.touch("page:3", 50))
print("keys", len(cache.keys("page:*")), len(list(cache.iter_keys("page:1*", itersize=10))))
print("deleted", cache.delete_pattern("page:1*"), len(cache.keys("page:*")), cache.delete("once"))
print("versions", cache.set("v", "one"), cache.incr_version("v"), cache.get("v"), cache.get("v", version=2))
with cache.lock("lock", timeout=5):
    print("locked", cache.lock("lock", timeout=5, blocking_timeout=0.05).acquire())
print("free", cache.lock("lock", timeout=5, blocking_timeout=0.05).acquire())

SessionStore = import_module(settings.SESSION_ENGINE).SessionStore
session = SessionStore()
session["cart"] = [1, 2, 3]
session.set_expiry(60)
session.create()
again = SessionStore(session_key=session.session_key)
print("session", again["cart"], again.exists(session.session_key))
again.flush()
print("flushed", SessionStore(session_key=session.session_key).load())
cache.clear()
print("cleared", cache.keys("*"))
