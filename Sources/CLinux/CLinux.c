#define _GNU_SOURCE
#include "CLinux.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int linux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
  return accept4(fd, address, length, flags);
}

ssize_t linux_recv(int fd, void *buffer, size_t count) {
  return syscall(SYS_recvfrom, fd, buffer, count, 0, NULL, NULL);
}

ssize_t linux_send(int fd, const void *buffer, size_t count, int flags) {
  return syscall(SYS_sendto, fd, buffer, count, flags, NULL, 0);
}

int linux_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout) {
  return (int)syscall(SYS_epoll_pwait, epoll, events, most, timeout, NULL, 0);
}

int linux_fcntl_get_flags(int fd) { return fcntl(fd, F_GETFL); }
int linux_fcntl_set_flags(int fd, int flags) { return fcntl(fd, F_SETFL, flags); }
int linux_fcntl_close_on_exec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }
int linux_fcntl_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }
int linux_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

int linux_usable_processors(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

int linux_name_this_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }

const char *linux_errno_name(int number) { return strerrorname_np(number); }
const char *linux_errno_text(int number) { return strerrordesc_np(number); }
