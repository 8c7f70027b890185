#include "COpenSSLMemory.h"

#include <openssl/crypto.h>
#include <stdlib.h>

// In front of each block stands its size; what is behind keeps its alignment.
enum { HEADER = 16 };

static _Thread_local long allocated;

long openssl_memory_of_this_thread(void) { return allocated; }

static void *counted(char *block, size_t size) {
  if (!block) return NULL;
  *(size_t *)block = size;
  allocated += (long)size;
  return block + HEADER;
}

static void *count_malloc(size_t size, const char *file, int line) {
  (void)file, (void)line;
  return counted(malloc(size + HEADER), size);
}

static void count_free(void *memory, const char *file, int line) {
  (void)file, (void)line;
  if (!memory) return;
  char *block = (char *)memory - HEADER;
  allocated -= (long)*(size_t *)block;
  free(block);
}

static void *count_realloc(void *memory, size_t size, const char *file, int line) {
  if (!memory) return count_malloc(size, file, line);
  char *block = (char *)memory - HEADER;
  size_t old = *(size_t *)block;
  char *moved = realloc(block, size + HEADER);
  if (!moved) return NULL;
  allocated -= (long)old;
  return counted(moved, size);
}

// OpenSSL takes these only before it has allocated anything, and tests run in any order: so before all of them.
__attribute__((constructor)) static void count(void) {
  if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1) abort();
}
