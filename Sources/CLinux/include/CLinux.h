// What Swift's Glibc module does not offer. Wrappers only: no logic.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static inline int linux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
  return accept4(fd, address, length, flags);
}

static inline int linux_prctl_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

static inline int linux_fcntl_set_flags(int fd, int flags) { return fcntl(fd, F_SETFL, flags); }
static inline int linux_fcntl_get_flags(int fd) { return fcntl(fd, F_GETFL); }
static inline int linux_fcntl_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }
static inline int linux_fcntl_close_on_exec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

// The macros CPU_* are not visible to Swift.
static inline int linux_usable_processors(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
  return CPU_COUNT(&set);
}

static inline const char *linux_errno_name(int number) { return strerrorname_np(number); }
static inline const char *linux_errno_text(int number) { return strerrordesc_np(number); }
