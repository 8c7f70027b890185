// What Swift's Glibc module does not offer. Wrappers only: no logic.
//
// No feature macro is set here: the headers must read as in the Glibc module. What needs _GNU_SOURCE is a function of
// CLinux.c.
#pragma once
#include <linux/tls.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

int linux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

// recv(2), send(2) and epoll_wait(2) without glibc's points of cancellation, which cost two calls each; no thread here
// is ever cancelled.
ssize_t linux_recv(int fd, void *buffer, size_t count);
ssize_t linux_send(int fd, const void *buffer, size_t count, int flags);
int linux_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout);

// fcntl(2) and prctl(2) are variadic, which Swift cannot call.
int linux_fcntl_get_flags(int fd);
int linux_fcntl_set_flags(int fd, int flags);
int linux_fcntl_close_on_exec(int fd);
int linux_fcntl_duplicate(int fd);
int linux_die_with_parent(int signal);

// The size of the affinity mask (sched_getaffinity(2)); 0 when it cannot be read.
int linux_usable_processors(void);

int linux_name_this_thread(const char *name);

// NULL for a number that has none.
const char *linux_errno_name(int number);
const char *linux_errno_text(int number);

int linux_pipe(int ends[2], int flags); // pipe2(2)
int linux_fcntl_set_pipe_size(int fd, int size); // returns what it got
// splice(2) that does not wait for the pipe, without a point of cancellation; one of the two is a pipe.
ssize_t linux_splice(int from, int to, size_t count);
int linux_pidfd_open(int process);
// waitid(2) that does not wait. Returns the process once it has ended, 0 before, -1 for none of ours; `reap` is 0 to
// leave it a zombie.
int linux_wait(int process, int reap, int *code, int *status);
int linux_spawn_close_from(posix_spawn_file_actions_t *actions, int first);
char **linux_environment(void);
// ioctl(2) is variadic. Returns 0, or -1 for what is no terminal (TIOCGWINSZ).
int linux_window_size(int fd, int *columns, int *rows);
// Without its SIG, such as SEGV.
const char *linux_signal_name(int number);

// Kernel TLS. SOL_TLS and TCP_ULP are not in the headers of every C library; sk_meminfo is of linux/sock_diag.h, which does
// not go together with them.
enum { linux_sol_tls = 282, linux_tcp_ulp = 31, linux_so_meminfo = 55 };
enum { linux_sk_meminfo_sndbuf = 3, linux_sk_meminfo_wmem_queued = 5 };
// sendmsg(2) of a record of alerts.
ssize_t linux_send_tls_alert(int fd, unsigned char level, unsigned char description);
