#pragma once

#include <spawn.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

// What differs between operating systems. One implementation file for each.

namespace autoresearch::platform {

/// The running program's own file, links resolved.
std::filesystem::path self();
/// The program that a process runs; empty if it is gone, or not ours to ask about.
std::filesystem::path program_of(pid_t pid);
/// The preset for this machine when the user names none: mps, cuda or cpu.
std::string default_preset();
/// Memory that this program may use; 0: not known.
std::int64_t memory_bytes();
/// Cores that this program may use, at least one.
int cores();

/// The child inherits what the file actions make, and of our other descriptors none. `first_unused` is one
/// above the highest number that they make.
void close_other_descriptors(posix_spawn_file_actions_t* actions, short* attribute_flags, int first_unused);

/// Can a process become the parent of its orphaned descendants, so that none gets lost?
bool adopts_orphans();

/// What to put in front of a command so that everything it starts ends with it, and with us, whatever ends
/// us. Empty where there is no such thing; whether it works here must be tried.
std::vector<std::string> container_command();

/// A command that keeps the machine from sleeping until `pid` ends.
std::vector<std::string> keep_awake_command(pid_t pid);

std::vector<pid_t> all_processes();
/// Its children; where orphans are not ours, also the members of its process group.
std::vector<pid_t> relatives(pid_t pid);
/// The value that the variable had when the process was started; empty for a zombie or somebody else's
/// process.
std::string variable_of(pid_t pid, const std::string& name);

/// Was it stopped, as by SIGSTOP?
bool is_stopped(pid_t pid);

/// Bytes that only the end of the process gives back. Not `exact`: pages that several processes share count
/// in each of them (exactly is slow for large processes).
std::int64_t held_bytes(pid_t pid, bool exact);
/// Is the whole machine about to run out of memory?
bool memory_is_short();
double peak_resident_mb(const rusage& usage);

/// Sets for each thread of the process how long it has been ready to run while no core was free, seconds.
void measure_waits(pid_t pid, std::map<pid_t, double>& waits);

/// The clock of all limits: seconds from some fixed moment on, without those that the machine was asleep.
double awake_seconds();

/// Seconds from some fixed moment on.
struct MachineTimes {
    double slept = 0;      // the machine was asleep
    double stolen = 0;     // cores taken by the hypervisor, summed
    double busy = 0;       // cores in use by anybody, summed; macOS: 0
    double throttled = 0;  // the processor was held back by heat or to save power; macOS tells it only to one
                           // who asks while that lasts
};
MachineTimes machine_times();

}  // namespace autoresearch::platform
