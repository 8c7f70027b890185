// zlib (zlib1g-dev) as Swift sees it: what is a macro there is a function here. Wrappers only: no logic.
#pragma once
#include <zlib.h>

static inline int zlib_deflate_init(z_stream *stream, int level, int windowBits, int memoryLevel) {
  return deflateInit2(stream, level, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY);
}
static inline int zlib_inflate_init(z_stream *stream, int windowBits) { return inflateInit2(stream, windowBits); }
