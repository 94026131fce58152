/* hiredis: pipelines, binary values, transactions, errors, and two processes that work on a queue which they wait for. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int port;

static redisContext *connected(void) {
  redisContext *c = redisConnect("127.0.0.1", port);
  if (c == NULL || c->err) {
    printf("no connection: %s\n", c ? c->errstr : "no memory");
    exit(1);
  }
  return c;
}

static redisReply *ask(redisContext *c, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  redisReply *reply = redisvCommand(c, format, arguments);
  va_end(arguments);
  if (reply == NULL) {
    printf("lost: %s\n", c->errstr);
    exit(1);
  }
  return reply;
}

/* Takes jobs until it is given one that says so. */
static int work(void) {
  redisContext *c = connected();
  for (;;) {
    redisReply *reply = ask(c, "BLMOVE jobs taken LEFT RIGHT 20");
    if (reply->type != REDIS_REPLY_STRING) return 1;
    if (strcmp(reply->str, "end") == 0) return 0;
    freeReplyObject(ask(c, "INCRBY sum %s", reply->str));
    freeReplyObject(ask(c, "INCR worked"));
    freeReplyObject(reply);
  }
}

int main(int argc, char **argv) {
  port = atoi(argv[argc > 1 ? 1 : 0]);
  redisContext *c = connected();
  redisReply *reply;

  for (int i = 0; i < 1000; i++) redisAppendCommand(c, "SET key:%d value:%d", i, i);
  int stored = 0;
  for (int i = 0; i < 1000; i++) {
    if (redisGetReply(c, (void **)&reply) != REDIS_OK) return 1;
    stored += reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0;
    freeReplyObject(reply);
  }
  printf("stored %d\n", stored);

  char bytes[256];
  for (int i = 0; i < 256; i++) bytes[i] = (char)i;
  freeReplyObject(ask(c, "SET bytes %b", bytes, sizeof bytes));
  reply = ask(c, "GET bytes");
  printf("bytes %s\n", reply->len == sizeof bytes && memcmp(reply->str, bytes, sizeof bytes) == 0 ? "the same" : "others");

  char *large = malloc(8 << 20);
  memset(large, 'x', 8 << 20);
  freeReplyObject(ask(c, "SET large %b", large, (size_t)(8 << 20)));
  printf("large %lld %zu\n", ask(c, "STRLEN large")->integer, ask(c, "GET large")->len);

  freeReplyObject(ask(c, "MULTI"));
  freeReplyObject(ask(c, "INCR a"));
  freeReplyObject(ask(c, "LPUSH a x"));
  freeReplyObject(ask(c, "INCR b"));
  reply = ask(c, "EXEC");
  printf("exec %lld, %s, %lld\n", reply->element[0]->integer, reply->element[1]->str, reply->element[2]->integer);
  printf("error %s\n", ask(c, "NOSUCHCOMMAND x")->str);

  for (int i = 0; i < 2; i++) {
    if (fork() == 0) _exit(work());
  }
  for (int i = 1; i <= 200; i++) freeReplyObject(ask(c, "RPUSH jobs %d", i));
  for (int i = 0; i < 2; i++) freeReplyObject(ask(c, "RPUSH jobs end"));
  int failed = 0, status;
  for (int i = 0; i < 2; i++) {
    wait(&status);
    failed += status != 0;
  }
  printf("worked %s sum %s failed %d\n", ask(c, "GET worked")->str, ask(c, "GET sum")->str, failed);
  return 0;
}
