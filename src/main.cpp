#include <cstring>

#include "cli/commands.h"
#include "proc/box.h"

int main(int argc, char** argv) {
    // Before anything else: it only becomes another program.
    if (argc > 1 && std::strcmp(argv[1], "confine") == 0) return autoresearch::confine(argc, argv);
    return autoresearch::run_app(argc, argv);
}
