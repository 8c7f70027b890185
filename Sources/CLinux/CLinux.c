#define _GNU_SOURCE
#include "CLinux.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

int linux_pipe(int ends[2], int flags) { return pipe2(ends, flags); }
int linux_fcntl_set_pipe_size(int fd, int size) { return fcntl(fd, F_SETPIPE_SZ, size); }

ssize_t linux_splice(int from, int to, size_t count) {
  return syscall(SYS_splice, from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

int linux_pidfd_open(int process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int linux_wait(int process, int reap, int *code, int *status) {
  siginfo_t information;
  information.si_pid = 0;
  if (waitid(P_PID, process, &information, WEXITED | WNOHANG | (reap ? 0 : WNOWAIT)) != 0) return -1;
  if (code) *code = information.si_code;
  if (status) *status = information.si_status;
  return information.si_pid;
}

int linux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

char **linux_environment(void) { return environ; }

int linux_window_size(int fd, int *columns, int *rows) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) return -1;
  *columns = size.ws_col;
  *rows = size.ws_row;
  return 0;
}

const char *linux_signal_name(int number) { return sigabbrev_np(number); }

ssize_t linux_send_tls_alert(int fd, unsigned char level, unsigned char description) {
  unsigned char alert[2] = {level, description};
  struct iovec part = {alert, sizeof alert};
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(1)];
  } control = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  struct cmsghdr *type = CMSG_FIRSTHDR(&message);
  type->cmsg_level = linux_sol_tls;
  type->cmsg_type = TLS_SET_RECORD_TYPE;
  type->cmsg_len = CMSG_LEN(1);
  *CMSG_DATA(type) = 21; // RFC 8446, 5.1
  return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}
