#pragma once

/// What this thread has allocated with OpenSSL, less what it has freed, in bytes.
long openssl_memory_of_this_thread(void);
