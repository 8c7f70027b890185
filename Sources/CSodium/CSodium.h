// libsodium (libsodium-dev) as Swift sees it: what is used of it.
#pragma once
#include <sodium/crypto_scalarmult_curve25519.h>
