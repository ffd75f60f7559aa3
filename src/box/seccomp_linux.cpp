#include "box/seccomp_linux.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace autoresearch {
namespace {

/// What nobody in a box needs, and what gets at other processes, at the kernel, or at keys.
constexpr const char* kAlways[] = {"ptrace",
                                   "process_vm_readv",
                                   "process_vm_writev",
                                   "process_madvise",
                                   "process_mrelease",
                                   "kcmp",
                                   "pidfd_getfd",
                                   "move_pages",
                                   "migrate_pages",
                                   "bpf",
                                   "perf_event_open",
                                   "userfaultfd",
                                   "keyctl",
                                   "add_key",
                                   "request_key",
                                   "open_by_handle_at",
                                   "name_to_handle_at",
                                   "kexec_load",
                                   "kexec_file_load",
                                   "init_module",
                                   "finit_module",
                                   "delete_module",
                                   "reboot",
                                   "swapon",
                                   "swapoff",
                                   "acct",
                                   "quotactl",
                                   "quotactl_fd",
                                   "syslog",
                                   "settimeofday",
                                   "clock_settime",
                                   "clock_adjtime",
                                   "adjtimex",
                                   "lookup_dcookie",
                                   "fanotify_init"};

/// What builds a way out for one who may become root in a namespace of its own.
constexpr const char* kMounts[] = {"mount",     "umount2", "pivot_root", "chroot",  "move_mount",
                                   "open_tree", "fsopen",  "fsconfig",   "fsmount", "mount_setattr",
                                   "fspick",    "unshare", "setns"};

/// Ways out of a box without a network: to other processes, too.
constexpr const char* kNetwork[] = {"connect", "accept", "accept4", "mq_open"};

/// What Landlock does not cover, and a compiler does not need either.
constexpr const char* kOwners[] = {"chown",       "fchown",       "lchown",       "fchownat",
                                   "setxattr",    "lsetxattr",    "fsetxattr",    "setxattrat",
                                   "removexattr", "lremovexattr", "fremovexattr", "removexattrat"};

/// What Landlock does not cover.
constexpr const char* kOwnFilesAlone[] = {"chmod",  "fchmod",    "fchmodat",  "fchmodat2", "utime",
                                          "utimes", "futimesat", "utimensat", "truncate"};

/// Memory that is in no process, and outlives its maker.
constexpr const char* kSystemV[] = {"shmget", "shmat",  "shmctl", "semget", "semop", "semtimedop",
                                    "semctl", "msgget", "msgsnd", "msgrcv", "msgctl"};

constexpr const char* kOthers[] = {"tkill", "pidfd_send_signal", "pidfd_open"};

/// They take a process: which of the arguments it is, 0 for the caller itself.
constexpr std::pair<const char*, unsigned> kOfProcesses[] = {{"setpriority", 1},        {"ioprio_set", 1},
                                                             {"sched_setaffinity", 0},  {"sched_setparam", 0},
                                                             {"sched_setscheduler", 0}, {"sched_setattr", 0}};

constexpr scmp_datum_t kTypes = 0xf;  // of sockets, without their flags

class Filter {
  public:
    Filter(const Box& box, pid_t alone) {
        refuse(kAlways);
        refuse({"io_uring_setup", "io_uring_enter", "io_uring_register"}, ENOSYS);
        refuse_if("prlimit64", SCMP_A0(SCMP_CMP_NE, 0));  // of others
        // Services of the person's session are behind socket files: they would start anything, outside. Those
        // for datagrams can be reached from one of a pair.
        for (const scmp_datum_t type : {SOCK_DGRAM, SOCK_RAW})
            refuse_if("socketpair", SCMP_A1(SCMP_CMP_MASKED_EQ, kTypes, type));
        if (box.network) refuse_if("socket", SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, AF_UNIX));
        if (!box.network) refuse(kNetwork);
        if (!box.network && box.gpu) allow_the_socket_of_cuda();
        if (!box.network && !box.gpu) refuse({"socket"});
        if (!box.network) refuse(kOwners);
        // bubblewrap has namespaces for both.
        if (box.kind == BoxKind::landlock || !box.new_processes) refuse(kSystemV);
        if (box.kind == BoxKind::landlock)
            for (const auto& [name, argument] : kOfProcesses) refuse_if(name, {argument, SCMP_CMP_NE, 0, 0});
        if (box.new_processes) return;
        refuse(kMounts);
        refuse(kOwnFilesAlone);
        refuse({"fork", "vfork"});
        refuse({"clone3"}, ENOSYS);  // its flags cannot be seen; the C library falls back to clone
        refuse_if("clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
        if (!box.gpu) refuse({"memfd_create", "memfd_secret"});
        if (alone == 0) return;
        refuse(kOthers);
        // Signals to the owner of a descriptor.
        for (const scmp_datum_t command : {F_SETOWN, F_SETOWN_EX, F_SETSIG})
            refuse_if("fcntl", SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, command));
        for (const scmp_datum_t command : {FIOSETOWN, SIOCSPGRP})
            refuse_if("ioctl", SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, command));
        const auto own = static_cast<scmp_datum_t>(alone);
        for (const char* name : {"kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"})
            refuse_if(name, SCMP_A0(SCMP_CMP_NE, own));
    }
    bool load() { return filter_ != nullptr && seccomp_load(filter_.get()) == 0; }
    bool write_to(int descriptor) {
        return filter_ != nullptr && seccomp_export_bpf(filter_.get(), descriptor) == 0;
    }

  private:
    template <class Names>
    void refuse(const Names& names, int error = EPERM) {
        for (const char* name : names) add(name, SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)), nullptr);
    }
    void refuse(std::initializer_list<const char*> names, int error = EPERM) {
        refuse<std::initializer_list<const char*>>(names, error);
    }
    void refuse_if(const char* name, scmp_arg_cmp compared) { add(name, SCMP_ACT_ERRNO(EPERM), &compared); }

    /// CUDA does not start without one to listen at, for its other processes: local, of packets in order.
    /// Nobody may connect to any, nor take a caller.
    void allow_the_socket_of_cuda() {
        refuse_if("socket", SCMP_A0(SCMP_CMP_NE, AF_UNIX));
        for (const scmp_datum_t type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_DCCP, SOCK_PACKET})
            refuse_if("socket", SCMP_A1(SCMP_CMP_MASKED_EQ, kTypes, type));
    }

    void add(const char* name, std::uint32_t action, const scmp_arg_cmp* compared) {
        constexpr int kFchmodat2 = 452;  // newer than some libraries, which then know no name of it
        int number = seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR && std::strcmp(name, "fchmodat2") == 0) number = kFchmodat2;
        if (number == __NR_SCMP_ERROR || filter_ == nullptr) return;
        const int error =
            seccomp_rule_add_array(filter_.get(), action, number, compared == nullptr ? 0 : 1, compared);
        if (error != 0 && error != -EDOM) filter_.reset();  // EDOM: this architecture has no such call
    }

    std::unique_ptr<void, void (*)(void*)> filter_{seccomp_init(SCMP_ACT_ALLOW), seccomp_release};
};

}  // namespace

std::string refuse_system_calls(const Box& box, pid_t alone) {
    return Filter(box, alone).load() ? "" : "the kernel takes no filter of system calls (seccomp)";
}

int filter_for_bubblewrap(const Box& box) {
    const int descriptor = ::memfd_create("filter", 0);
    if (descriptor < 0 || !Filter(box, 0).write_to(descriptor)) return -1;
    ::lseek(descriptor, 0, SEEK_SET);
    return descriptor;
}

}  // namespace autoresearch
