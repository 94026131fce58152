"""IRedis (a terminal for Redis with completion): what it asks at its start, and commands through it."""
import subprocess
import sys

COMMANDS = """SET a 1
LPUSH list a b c
LRANGE list 0 -1
HGETALL nothing
INCR list
HSET hash f v g w
HGETALL hash
XADD s 1-1 a b
XRANGE s - +
ZADD z 1 a 2 b
ZRANGE z 0 -1 WITHSCORES
MULTI
INCR a
GET a
EXEC
CLIENT GETNAME
DBSIZE
MGET a b
PEEK hash
EVAL "return {KEYS[1], ARGV[1]}" 1 k v
COMMAND COUNT x
"""


def session(*options):
    command = ["iredis", "-p", sys.argv[1], "--iredisrc", "/dev/null", *options]
    done = subprocess.run(command, input=COMMANDS, capture_output=True, text=True, timeout=60)
    print(*[option.replace(sys.argv[1], "PORT") for option in options], done.returncode)
    print(done.stdout)


session()
session("--raw")
session("--decode", "utf-8", "--client_name", "me", "-n", "3")
session("--url", f"redis://127.0.0.1:{sys.argv[1]}/1")
print(subprocess.run(["iredis", "-p", sys.argv[1], "GET", "a"], capture_output=True, text=True, timeout=60).stdout)
