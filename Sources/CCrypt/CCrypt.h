// libcrypt (libcrypt-dev, crypt(3)) as Swift sees it.
#pragma once
#include <crypt.h>
