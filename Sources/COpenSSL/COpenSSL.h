// OpenSSL 3 (libssl-dev) as Swift sees it: what is a macro there is a function or a constant here, and what Swift cannot
// name has a name. Wrappers only: no logic.
#pragma once
#include <linux/tls.h>
#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

// Options and modes: shifted bits, which Swift does not import.
static const uint64_t openssl_no_compression = SSL_OP_NO_COMPRESSION;
static const uint64_t openssl_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t openssl_no_ticket = SSL_OP_NO_TICKET;
static const uint64_t openssl_server_order = SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
static const uint64_t openssl_enable_ktls = SSL_OP_ENABLE_KTLS;

// SSL_CTX
static inline long openssl_ctx_set_mode(SSL_CTX *ctx, long mode) { return SSL_CTX_set_mode(ctx, mode); }
static inline long openssl_ctx_clear_mode(SSL_CTX *ctx, long mode) { return SSL_CTX_clear_mode(ctx, mode); }
static inline int openssl_ctx_set_min_version(SSL_CTX *ctx, int version) {
  return SSL_CTX_set_min_proto_version(ctx, version);
}
static inline int openssl_ctx_set_max_version(SSL_CTX *ctx, int version) {
  return SSL_CTX_set_max_proto_version(ctx, version);
}
static inline int openssl_ctx_set_groups(SSL_CTX *ctx, const char *list) {
  return (int)SSL_CTX_set1_groups_list(ctx, list);
}
static inline long openssl_ctx_set_session_cache_mode(SSL_CTX *ctx, long mode) {
  return SSL_CTX_set_session_cache_mode(ctx, mode);
}
static inline int openssl_ctx_set_app_data(SSL_CTX *ctx, void *data) { return SSL_CTX_set_app_data(ctx, data); }
static inline void *openssl_ctx_get_app_data(const SSL_CTX *ctx) { return SSL_CTX_get_app_data(ctx); }
static inline long openssl_ctx_set_servername_callback(SSL_CTX *ctx, int (*callback)(SSL *, int *, void *)) {
  return SSL_CTX_set_tlsext_servername_callback(ctx, callback);
}
static inline long openssl_ctx_set_status_callback(SSL_CTX *ctx, int (*callback)(SSL *, void *)) {
  return SSL_CTX_set_tlsext_status_cb(ctx, callback);
}
static inline int openssl_ctx_set_verify_store(SSL_CTX *ctx, X509_STORE *store) {
  return (int)SSL_CTX_set1_verify_cert_store(ctx, store);
}

// SSL
static inline int openssl_set_host_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }
static inline long openssl_set_ocsp_response(SSL *ssl, unsigned char *bytes, long count) {
  return SSL_set_tlsext_status_ocsp_resp(ssl, bytes, count);
}
static inline int openssl_set_app_data(SSL *ssl, void *data) { return SSL_set_app_data(ssl, data); }
static inline void *openssl_get_app_data(const SSL *ssl) { return SSL_get_app_data(ssl); }
static inline int openssl_set_signature_algorithms(SSL *ssl, const char *list) {
  return (int)SSL_set1_sigalgs_list(ssl, list);
}
static inline int openssl_set_groups(SSL *ssl, const char *list) { return (int)SSL_set1_groups_list(ssl, list); }
static inline int openssl_negotiated_group(SSL *ssl) { return (int)SSL_get_negotiated_group(ssl); }

// BIO
static inline void openssl_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline void openssl_bio_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void openssl_bio_set_retry_write(BIO *bio) { BIO_set_retry_write(bio); }

// Offers the keys of one direction to a BIO, as linux/tls.h has them; 0 declines. OpenSSL's own headers keep the number of it
// to themselves (include/internal/bio.h), and it is the same from 3.0 on.
enum { openssl_bio_set_ktls = 72 };

// Stacks
static inline STACK_OF(X509) *openssl_certificates_new(void) { return sk_X509_new_null(); }
static inline int openssl_certificates_push(STACK_OF(X509) *stack, X509 *certificate) {
  return sk_X509_push(stack, certificate);
}
static inline int openssl_certificates_count(const STACK_OF(X509) *stack) { return sk_X509_num(stack); }
static inline X509 *openssl_certificates_at(const STACK_OF(X509) *stack, int index) {
  return sk_X509_value(stack, index);
}
static inline void openssl_certificates_free(STACK_OF(X509) *stack) { sk_X509_pop_free(stack, X509_free); }
static inline STACK_OF(X509_NAME) *openssl_names_new(void) { return sk_X509_NAME_new_null(); }
static inline int openssl_names_push(STACK_OF(X509_NAME) *stack, X509_NAME *name) {
  return sk_X509_NAME_push(stack, name);
}
static inline int openssl_general_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *openssl_general_names_at(const GENERAL_NAMES *names, int index) {
  return sk_GENERAL_NAME_value(names, index);
}

// Memory
static inline void *openssl_copy(const void *bytes, size_t count) { return OPENSSL_memdup(bytes, count); }
static inline void openssl_free(void *memory) { OPENSSL_free(memory); }

// The wall clock, in seconds since 1970: the one that OpenSSL itself judges certificates by.
static inline int64_t openssl_seconds_since_epoch(void) { return (int64_t)time(NULL); }
