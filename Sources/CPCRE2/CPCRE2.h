// PCRE2 (libpcre2-dev) for strings of bytes. Nothing of our own.
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
