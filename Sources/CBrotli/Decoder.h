// Brotli (libbrotli-dev) as Swift sees it.
#pragma once
#include <brotli/decode.h>
